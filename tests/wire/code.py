"""zip files of functions' code, made in memory"""

import io
import sys
import zipfile

RUNTIME = f"python3.{sys.version_info.minor}"
ROLE = "arn:aws:iam::000000000000:role/any"
SOURCE = """
import os
def handler(event, context):
    version, arn = context.function_version, context.invoked_function_arn
    return {"event": event, "version": version, "arn": arn}
"""


def zipped(**files: str | bytes) -> bytes:
    """A zip file; `app__py` is app.py, and every file can be executed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name.replace("__", ".").replace("_SLASH_", "/"))
            entry.external_attr = 0o100755 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text)
    return buffer.getvalue()


def answering(text: str) -> bytes:
    """Code whose handler answers with a text."""
    return zipped(app__py=f"def handler(event, context): return {text!r}")
