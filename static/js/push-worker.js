// The service worker of web push: shows what was pushed and opens what it is about. It keeps nothing and serves nothing.

self.addEventListener("push", (event) => {
  const told = event.data?.json() ?? {};
  event.waitUntil(
    self.registration.showNotification(told.title || "Core Engine", {
      body: told.body || "",
      tag: told.tag,
      data: { url: told.url || "/notifications/" },
    }),
  );
});

async function open(path) {
  const target = new URL(path, self.location.origin);
  const url = target.origin === self.location.origin ? target.href : `${self.location.origin}/notifications/`;
  const pages = await self.clients.matchAll({ type: "window" });
  for (const page of pages) {
    if ("navigate" in page) {
      await page.focus();
      return page.navigate(url);
    }
  }
  return self.clients.openWindow(url);
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.url ?? "/notifications/"));
});
