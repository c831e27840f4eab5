"""The protocol over HTTP: routes, errors as Google words them, uploads of all three kinds, partial answers."""

from __future__ import annotations

import json
import re
import secrets
import socket
from datetime import UTC
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from .drive import FOLDER, LONGEST_CHANNEL_S, ME, Channel, Drive, File, Refusal
from .fields import FieldsInvalid, cut, read_fields
from .oauth import DRIVE, DRIVE_FILE, DRIVE_READONLY, OAuth, OAuthRefusal
from .query import QueryInvalid, read_query

if TYPE_CHECKING:
    from collections.abc import Callable

API, UPLOAD = "/drive/v3", "/upload/drive/v3"
DEFAULT_FIELDS = {"kind": {}, "id": {}, "name": {}, "mimeType": {}, "resourceKey": {}}
MULTIPART_LIMIT = 5 * 1024 * 1024
ORDERS = {
    "createdTime": lambda file: file.created,
    "modifiedTime": lambda file: file.modified,
    "name": lambda file: file.name.casefold(),
    "name_natural": lambda file: [
        (int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", file.name.casefold()) if part
    ],
    "folder": lambda file: file.mime != FOLDER,
    "quotaBytesUsed": lambda file: len(file.content),
    "recency": lambda file: file.modified,
    "modifiedByMeTime": lambda file: file.modified,
    "viewedByMeTime": lambda file: file.modified,
    "sharedWithMeTime": lambda file: file.created,
    "starred": lambda file: not file.starred,
}


class DriveServer(ThreadingHTTPServer):
    """Serves one Drive; `requests` has (method, path with query, status) of everything that was asked."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, drive: Drive, oauth: OAuth, *, port: int = 0, needs_https: bool = True) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.drive, self.oauth, self.needs_https = drive, oauth, needs_https
        self.requests: list[tuple[str, str, int]] = []
        self.sessions: dict[str, tuple[str, dict[str, Any], str, dict[str, str]]] = {}

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: DriveServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for head and body

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing; `requests` has it all."""

    # --- one request -------------------------------------------------------------------------------------

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.body = self._read_body()
        try:
            self._dispatch(parts.path)
        except Refusal as refusal:
            self._refuse(refusal)
        except OAuthRefusal as refusal:
            self._json({"error": refusal.code, "error_description": refusal.description}, status=refusal.status)
        except QueryInvalid:
            self._refuse(Refusal(400, "invalid", "Invalid Value", location="q"))
        except FieldsInvalid as error:
            self._refuse(Refusal(400, "invalidParameter", f"Invalid field selection {error}", location="fields"))
        except BrokenPipeError:
            self.close_connection = True

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            data = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _dispatch(self, path: str) -> None:
        if path == "/o/oauth2/v2/auth":
            return self._consent()
        if path == "/token":
            return self._json(self.server.oauth.token(dict(parse_qsl(self.body.decode()))))
        if path == "/revoke":
            form = {**self.query, **dict(parse_qsl(self.body.decode()))}
            self.server.oauth.revoke(form.get("token", ""))
            return self._json({})
        self._spoil()
        if path.startswith(f"{UPLOAD}/files") and self.command == "PUT":
            return self._finish_session()
        self.scopes = self._authorise()
        for method, pattern, action in _ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == self.command:
                return action(self, *found.groups())
        raise Refusal(404, "notFound", "Not Found")

    def _spoil(self) -> None:
        faults = self.server.drive.faults
        with self.server.drive.lock:
            if faults.throttle_next > 0:
                faults.throttle_next -= 1
                words = {
                    "userRateLimitExceeded": "User Rate Limit Exceeded",
                    "rateLimitExceeded": "Rate Limit Exceeded",
                }
                reason = faults.throttle_reason
                raise Refusal(
                    faults.throttle_status, reason, words.get(reason, "Quota exceeded."), domain="usageLimits"
                )
            if faults.fail_next > 0:
                faults.fail_next -= 1
                raise Refusal(faults.fail_status, "backendError", "Internal Error")

    def _authorise(self) -> set[str]:
        scopes = self.server.oauth.scopes_of(self.headers.get("Authorization", ""))
        if scopes is None or self.server.drive.faults.expire_tokens:
            raise Refusal(401, "authError", "Invalid Credentials", location="Authorization")
        return scopes

    @property
    def _sees(self) -> Callable[[File], bool] | None:
        """What this token may see: `drive.file` only what the app made."""
        if self.scopes & {DRIVE, DRIVE_READONLY}:
            return None
        drive = self.server.drive
        return lambda file: file.is_made_by_app or file.id == drive.root

    def _may_write(self) -> None:
        if not self.scopes & {DRIVE, DRIVE_FILE}:
            raise Refusal(
                403,
                "insufficientPermissions",
                "Insufficient Permission: Request had insufficient authentication scopes.",
            )

    def _file(self, identifier: str) -> File:
        keys = self.headers.get("X-Goog-Drive-Resource-Keys", "")
        file = self.server.drive.get(identifier, resource_keys=keys, sees=self._sees)
        if file.drive_id and self.query.get("supportsAllDrives") != "true":
            raise Refusal(404, "notFound", f"File not found: {identifier}.", location="fileId")
        return file

    def _written(self, identifier: str) -> File:
        self._may_write()
        file = self._file(identifier)
        if self.scopes & {DRIVE} or file.is_made_by_app:
            return file
        raise Refusal(
            403,
            "appNotAuthorizedToFile",
            f"The user has not granted the app {self.server.oauth.client_id} write access to the file {file.id}.",
        )

    # --- routes ------------------------------------------------------------------------------------------

    def _consent(self) -> None:
        if self.query.get("deny"):
            location = f"{self.query['redirect_uri']}?error=access_denied&state={self.query.get('state', '')}"
        else:
            location = self.server.oauth.consent(self.query)
        self._answer(b"", "text/html", status=302, headers={"Location": location})

    def about(self) -> None:
        if "fields" not in self.query:
            raise Refusal(400, "required", "The 'fields' parameter is required for this method.", location="fields")
        used = sum(len(file.content) for file in self.server.drive.files.values())
        quota = {"limit": "16106127360", "usage": str(used), "usageInDrive": str(used)}
        whole = {"kind": "drive#about", "user": {"kind": "drive#user", **ME}, "storageQuota": quota}
        self._json(cut(whole, read_fields(self.query["fields"])))

    def list_files(self) -> None:
        drive, query = self.server.drive, self.query
        size = self._page_size(100)
        files = drive.search(read_query(query.get("q", "")), sees=self._sees)
        if query.get("includeItemsFromAllDrives") != "true" or query.get("supportsAllDrives") != "true":
            files = [file for file in files if not file.drive_id]
        if query.get("corpora") == "drive":
            files = [file for file in files if file.drive_id == query.get("driveId")]
        for key in reversed([part for part in query.get("orderBy", "").split(",") if part]):
            name, _, direction = key.strip().partition(" ")
            if name not in ORDERS or direction not in ("", "desc"):
                raise Refusal(400, "invalid", f"Invalid value for orderBy: {key}", location="orderBy")
            files.sort(key=ORDERS[name], reverse=direction == "desc")
        token = query.get("pageToken", "")
        start = int(token.removeprefix("~!!~")) if re.fullmatch(r"~!!~\d+", token) else 0
        if token and not start:
            raise Refusal(400, "invalid", "Invalid Value", location="pageToken")
        page = files[start : start + size]
        answer: dict[str, Any] = {
            "kind": "drive#fileList",
            "incompleteSearch": drive.faults.incomplete_search,
            "files": [drive.as_json(file) for file in page],
        }
        if start + size < len(files):
            answer["nextPageToken"] = f"~!!~{start + size}"
        usual = {"kind": {}, "nextPageToken": {}, "incompleteSearch": {}, "files": DEFAULT_FIELDS}
        self._json(cut(answer, read_fields(query["fields"]) if "fields" in query else usual))

    def get_file(self, identifier: str) -> None:
        file = self._file(identifier)
        if self.query.get("alt") == "media":
            return self._answer(self.server.drive.media(file), file.mime, headers={"ETag": f'"{file.version}"'})
        self._file_json(file)

    def export(self, identifier: str) -> None:
        mime = self.query.get("mimeType", "")
        if not mime:
            raise Refusal(400, "required", "Required parameter: mimeType", location="mimeType")
        self._answer(self.server.drive.export(self._file(identifier), mime), mime)

    def generate_ids(self) -> None:
        self._may_write()
        count = int(self.query.get("count", "10"))
        if not 1 <= count <= 1000:
            raise Refusal(400, "invalidParameter", "Invalid value for count", location="count")
        self._json({"kind": "drive#generatedIds", "space": "drive", "ids": self.server.drive.give_ids(count)})

    def create_file(self) -> None:
        self._may_write()
        self._made(self.server.drive.create(self._sent_json()))

    def update_file(self, identifier: str) -> None:
        self._file_json(self.server.drive.update(self._written(identifier), self._sent_json()))

    def delete_file(self, identifier: str) -> None:
        self.server.drive.remove(self._written(identifier).id)
        self._answer(b"", "text/html", status=204)

    def upload(self, identifier: str | None = None) -> None:
        self._may_write()
        if identifier:
            self._written(identifier)
        kind = self.query.get("uploadType")
        if kind == "resumable":
            session = secrets.token_hex(16)
            mime = self.headers.get("X-Upload-Content-Type", "application/octet-stream")
            self.server.sessions[session] = (identifier or "", self._sent_json(), mime, self.query)
            # On the host that was asked, as Google does.
            place = f"https://{self.headers.get('Host')}{UPLOAD}/files?uploadType=resumable&upload_id={session}"
            return self._answer(b"", "text/plain", headers={"Location": place, "X-GUploader-UploadID": session})
        if kind == "media":
            body: dict[str, Any] = {}
            mime, content = self.headers.get("Content-Type", ""), self.body
        elif kind == "multipart":
            body, mime, content = self._multipart()
        else:
            raise Refusal(400, "badRequest", "Unknown uploadType")
        self._store(identifier or "", body, mime, content)

    def _finish_session(self) -> None:
        session = self.query.get("upload_id", "")
        if session not in self.server.sessions:
            raise Refusal(404, "notFound", "Upload session not found")
        # The fields of the answer are those that the session was begun with.
        identifier, body, mime, self.query = self.server.sessions.pop(session)
        self._store(identifier, body, mime, self.body)

    def _store(self, identifier: str, body: dict[str, Any], mime: str, content: bytes) -> None:
        drive = self.server.drive
        if identifier:
            file = drive.update(drive.get(identifier), body, content)
        else:
            file = drive.create(body, content=content, mime=mime)
        with drive.lock:
            is_lost = drive.faults.lose_answer_of_upload > 0
            drive.faults.lose_answer_of_upload -= is_lost
        if is_lost:
            raise Refusal(503, "backendError", "Internal Error")
        self._made(file)

    def _multipart(self) -> tuple[dict[str, Any], str, bytes]:
        if len(self.body) > MULTIPART_LIMIT + 64 * 1024:
            raise Refusal(413, "uploadTooLarge", "Request Too Large")
        kind = self.headers.get("Content-Type", "")
        if not kind.startswith("multipart/related"):
            raise Refusal(400, "badContent", "Media type 'multipart/related' is required.")
        message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + self.body)
        pieces = list(message.iter_parts())
        if len(pieces) != 2:
            raise Refusal(400, "badMultipart", "There must be two parts.")
        try:
            body = json.loads(pieces[0].get_payload(decode=True) or b"{}")
        except ValueError as error:
            raise Refusal(400, "parseError", "Parse Error") from error
        return body, pieces[1].get_content_type(), pieces[1].get_payload(decode=True) or b""

    def start_page_token(self) -> None:
        self._json({"kind": "drive#startPageToken", "startPageToken": self.server.drive.next_token})

    def list_changes(self) -> None:
        drive = self.server.drive
        if "pageToken" not in self.query:
            raise Refusal(400, "required", "Required parameter: pageToken", location="pageToken")
        page, following, has_more = drive.changes_from(self.query["pageToken"], self._page_size(100))
        changes = []
        for identifier, _, moment in page:
            file = drive.files.get(identifier)
            gone = file is None or (self._sees is not None and not self._sees(file))
            entry: dict[str, Any] = {
                "kind": "drive#change",
                "changeType": "file",
                "fileId": identifier,
                "removed": gone,
                "time": moment.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            }
            if not gone and file is not None:
                entry["file"] = drive.as_json(file)
            if gone and self.query.get("includeRemoved") == "false":
                continue
            changes.append(entry)
        answer: dict[str, Any] = {"kind": "drive#changeList", "changes": changes}
        answer["nextPageToken" if has_more else "newStartPageToken"] = following
        usual = (
            "kind,nextPageToken,newStartPageToken,"
            "changes(kind,changeType,fileId,removed,time,file(kind,id,name,mimeType))"
        )
        self._json(cut(answer, read_fields(self.query.get("fields", usual))))

    def watch_changes(self) -> None:
        if "pageToken" not in self.query:
            raise Refusal(400, "required", "Required parameter: pageToken", location="pageToken")
        self._open_channel("changes", LONGEST_CHANNEL_S)

    def watch_file(self, identifier: str) -> None:
        self._open_channel(self._file(identifier).id, 86_400)

    def _open_channel(self, resource: str, longest_s: int) -> None:
        channel = self.server.drive.open_channel(
            self._sent_json(), resource, needs_https=self.server.needs_https, longest_s=longest_s
        )
        self._json(
            {
                "kind": "api#channel",
                "id": channel.id,
                "resourceId": channel.resource_id,
                "resourceUri": f"https://www.googleapis.com{self.path}",
                "token": channel.token,
                "expiration": str(int(channel.expires.timestamp() * 1000)),
            }
        )

    def stop_channel(self) -> None:
        body = self._sent_json()
        self.server.drive.stop_channel(str(body.get("id", "")), str(body.get("resourceId", "")))
        self._answer(b"", "text/html", status=204)

    def list_drives(self) -> None:
        drives = [{"kind": "drive#drive", "id": key, "name": name} for key, name in self.server.drive.drives.items()]
        self._json({"kind": "drive#driveList", "drives": drives})

    # --- answers -----------------------------------------------------------------------------------------

    def _page_size(self, usual: int) -> int:
        size = self.query.get("pageSize", str(usual))
        if not size.isdigit() or not 1 <= int(size) <= 1000:
            raise Refusal(400, "invalidParameter", f"Invalid value '{size}'.", location="pageSize")
        return int(size)

    def _sent_json(self) -> dict[str, Any]:
        try:
            body = json.loads(self.body or b"{}")
        except ValueError as error:
            raise Refusal(400, "parseError", "Parse Error") from error
        return body if isinstance(body, dict) else {}

    def _file_json(self, file: File) -> None:
        mask = read_fields(self.query["fields"]) if "fields" in self.query else DEFAULT_FIELDS
        self._json(cut(self.server.drive.as_json(file), mask))

    _made = _file_json

    def _refuse(self, refusal: Refusal) -> None:
        entry: dict[str, Any] = {
            "message": refusal.message,
            "domain": refusal.more.get("domain", "global"),
            "reason": refusal.reason,
        }
        if location := refusal.more.get("location"):
            entry |= {"location": location, "locationType": "header" if location == "Authorization" else "parameter"}
        headers = {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'} if refusal.status == 401 else {}
        body = {"error": {"code": refusal.status, "message": refusal.message, "errors": [entry]}}
        self._json(body, status=refusal.status, headers=headers)

    def _json(self, body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._answer(json.dumps(body).encode(), "application/json; charset=UTF-8", status=status, headers=headers)

    def _answer(
        self, body: bytes, content_type: str, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        self.server.requests.append((self.command, self.path, status))
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)


_ID = r"([A-Za-z0-9_-]+)"
_ROUTES: list[tuple[str, str, Callable[..., None]]] = [
    ("GET", f"{API}/about", _Handler.about),
    ("GET", f"{API}/files", _Handler.list_files),
    ("POST", f"{API}/files", _Handler.create_file),
    ("GET", f"{API}/files/generateIds", _Handler.generate_ids),
    ("GET", f"{API}/files/{_ID}", _Handler.get_file),
    ("PATCH", f"{API}/files/{_ID}", _Handler.update_file),
    ("DELETE", f"{API}/files/{_ID}", _Handler.delete_file),
    ("GET", f"{API}/files/{_ID}/export", _Handler.export),
    ("POST", f"{API}/files/{_ID}/watch", _Handler.watch_file),
    ("POST", f"{UPLOAD}/files", _Handler.upload),
    ("PATCH", f"{UPLOAD}/files/{_ID}", _Handler.upload),
    ("GET", f"{API}/changes/startPageToken", _Handler.start_page_token),
    ("GET", f"{API}/changes", _Handler.list_changes),
    ("POST", f"{API}/changes/watch", _Handler.watch_changes),
    ("POST", f"{API}/channels/stop", _Handler.stop_channel),
    ("GET", f"{API}/drives", _Handler.list_drives),
]


def notification_headers(channel: Channel, state: str, number: int) -> dict[str, str]:
    """The headers of a notification; it has no body."""
    headers = {
        "X-Goog-Channel-ID": channel.id,
        "X-Goog-Message-Number": str(number),
        "X-Goog-Resource-ID": channel.resource_id,
        "X-Goog-Resource-State": state,
        "X-Goog-Resource-URI": "https://www.googleapis.com/drive/v3/changes?alt=json",
        "X-Goog-Channel-Expiration": channel.expires.strftime("%a, %d %b %Y %H:%M:%S GMT"),
    }
    return {**headers, **({"X-Goog-Channel-Token": channel.token} if channel.token else {})}
