"""Files for tests, made on the spot: sound ones of every kind, and hostile ones."""

import io
import zipfile
import zlib


def docx_file(*paragraphs: str) -> bytes:
    from docx import Document

    document = Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def docx_with_body(xml: bytes) -> bytes:
    """A Word file whose main part is exactly this XML."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(docx_file("x"))) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as copy,
    ):
        for entry in source.infolist():
            copy.writestr(entry.filename, xml if entry.filename == "word/document.xml" else source.read(entry))
    return out.getvalue()


def docx_with_text(text: str, *, doctype: str) -> bytes:
    """A Word file with a document type of its own and this text, which is not escaped."""
    w = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = f"<w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body>"
    return docx_with_body(f"{doctype}<w:document xmlns:w='{w}'>{body}</w:document>".encode())


def docx_bomb(*, megabytes: int) -> bytes:
    """A Word file of a few hundred KB that unpacks to this many megabytes."""
    out = io.BytesIO(docx_file("x"))
    with (
        zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("word/media/big.xml", "w") as entry,
    ):
        for _ in range(megabytes):
            entry.write(b"\0" * 1024 * 1024)
    return out.getvalue()


def billion_laughs_docx() -> bytes:
    entities = "".join(f'<!ENTITY lol{n} "{f"&lol{n - 1};" * 10}">' if n else '<!ENTITY lol0 "lol">' for n in range(12))
    return docx_with_text("&lol11;", doctype=f"<!DOCTYPE w [{entities}]>")


def docx_reading_a_file(path: str) -> bytes:
    return docx_with_text("before &x; after", doctype=f"<!DOCTYPE w [<!ENTITY x SYSTEM 'file://{path}'>]>")


def pptx_file(*slides: str) -> bytes:
    a = "http://schemas.openxmlformats.org/drawingml/2006/main"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("ppt/presentation.xml", "<p/>")
        for number, text in enumerate(slides, 1):
            archive.writestr(
                f"ppt/slides/slide{number}.xml",
                f'<s xmlns:a="{a}"><a:p><a:r><a:t>{text}</a:t></a:r></a:p></s>',
            )
    return out.getvalue()


def pdf_file(*pages: str) -> bytes:
    """A sound PDF with one line of ASCII text on each page."""
    return pdf_with_streams([b"BT /F1 12 Tf 72 720 Td (%s) Tj ET" % page.encode("ascii") for page in pages])


def pdf_with_streams(streams: list[bytes], *, packed: bool = False) -> bytes:
    count = len(streams)
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    kids = b" ".join(b"%d 0 R" % (4 + 2 * index) for index in range(count))
    objects.append(b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count))
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for index, stream in enumerate(streams):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * index)
        )
        extra = b" /Filter /FlateDecode" if packed else b""
        objects.append(b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(stream), extra, stream))
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, io.SEEK_END)
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    for offset in offsets:
        out.write(b"%010d 00000 n \n" % offset)
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
    return out.getvalue()


def pdf_bomb(*, megabytes: int) -> bytes:
    """A PDF whose one page of a few MB at most inflates to this many megabytes."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(b"BT (x) Tj ET " * 80659) for _ in range(megabytes)]
    return pdf_with_streams([b"".join(parts) + packer.flush()], packed=True)


def encrypted_pdf(password: str) -> bytes:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf_file("secret"))))
    writer.encrypt(password, algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
