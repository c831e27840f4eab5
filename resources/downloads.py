"""Giving files back. Whatever a file holds, no browser may run it as part of this site."""

from django.http import FileResponse, Http404

from coreengine.kernel.blobs import open_blob
from resources.extract import kinds
from resources.models import Resource

# No script, no plugin, no form, an origin of its own: even if a browser were talked into showing the file.
LOCKED_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_PLAIN_TYPES = {kinds.PDF, kinds.DOCX, kinds.PPTX, kinds.XLSX, kinds.TEXT, "application/zip", *kinds.SAFE_IMAGES}


def attachment(resource: Resource) -> FileResponse:
    """Stream the file as a download under its own name. Types that could be active go as plain bytes."""
    content_type = resource.content_type if resource.content_type in _PLAIN_TYPES else kinds.UNKNOWN
    return _response(resource, content_type, as_attachment=True)


def inline_image(resource: Resource) -> FileResponse:
    """Stream a PNG, JPEG, GIF or WebP, with the type told from its bytes.

    Raises:
        Http404: it is no such picture; SVG is a document with scripts and never counts.
    """
    if resource.content_type not in kinds.SAFE_IMAGES:
        raise Http404
    response = _response(resource, resource.content_type, as_attachment=False)
    response["Cache-Control"] = "private, max-age=3600"
    return response


def _response(resource: Resource, content_type: str, *, as_attachment: bool) -> FileResponse:
    if resource.blob is None:
        raise Http404
    try:
        file = open_blob(resource.blob)
    except FileNotFoundError as error:
        raise Http404 from error
    response = FileResponse(
        file, as_attachment=as_attachment, filename=resource.file_name or "file", content_type=content_type
    )
    response["Content-Length"] = str(resource.blob.size_bytes)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = LOCKED_POLICY
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = "private, no-cache"
    return response
