"""Looking for secrets: everything that can be read, and everything that the host says."""

import os


def everything_it_can_read(line, given):
    seen = [repr(dict(os.environ))]
    for root in (
        "/proc",
        "/tmp",
        "/run",
        "/var",
        "/etc",
        "/plugin",
        "/root",
        "/home",
        "/dev/shm",
        "/mnt",
        "/srv",
        "/opt",
    ):
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name not in {"task", "net", "dpkg", "ssl", "sys", "irq", "fs"}]
            for name in names:
                if name in {"environ", "cmdline", "mountinfo", "maps"} or not folder.startswith("/proc"):
                    seen.append(read(os.path.join(folder, name)))
            if sum(map(len, seen)) > 6 * 2**20:
                break
    line.answer("".join(seen)[: 6 * 2**20])


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read(65536).decode("utf-8", "replace")
    except OSError:
        return ""


def everything_the_host_says(line, given):
    """Ask in every way that might bring out a credential, this connection's or another's."""
    asked = [
        {"url": "/echo"},
        {"url": "/echo", "headers": {"Authorization": "Bearer {token}"}},
        {"url": "/echo", "connection": given["other"]},
        {"url": "/echo", "connection_id": given["other"], "credential": "other"},
        {"url": "/echo", "headers": {"X-Connection": str(given["other"]), "Cookie": "a=b"}},
        {"url": f"https://{given['elsewhere']}/echo"},
        {"url": "/leaves"},
        {"url": "/nowhere/../echo?token={token}"},
        {"url": "https://user:pass@home.example.edu/echo"},
        {"url": "feed:"},
    ]
    for number, params in enumerate(asked):
        line.ask(id=f"s{number}", method="http.request", params={"method": "GET", **params})
    for method in ("storage.list", "storage.get", "host.credential", "host.environment", "connection.get"):
        line.ask(
            id=method, method=method, params={"key": "credential", "prefix": ""} if method == "storage.get" else {}
        )
    line.answer("".join(line.heard))
