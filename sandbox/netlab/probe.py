"""One look from inside a private subnet: run by path in a clean interpreter (``python -I -S``).

Reads one JSON object from stdin: ``echo`` (URLs that answer with the caller's address), ``token``
(the partner's token URL), ``ca`` (PEM file to trust), ``seconds`` per call. Prints one JSON object:
``seen`` (per echo ``{"status", "text"}`` or ``{"error"}``) and ``token`` (``{"status"}`` or ``{"error"}``).
The token call names a made-up client: 401 means that the list lets the address in.
"""

import json
import ssl
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def main() -> int:
    """Make the calls, all at once; returns the exit code."""
    told = json.load(sys.stdin)
    trust = ssl.create_default_context(cafile=told["ca"])
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    )
    looks = [urllib.request.Request(url) for url in told["echo"]]  # noqa: S310 - https, from the lab
    nobody = b64encode(b"nobody-known:made-up").decode()
    token = urllib.request.Request(  # noqa: S310 - https, from the lab
        told["token"] + "?grant_type=client_credentials",
        headers={"Authorization": f"Basic {nobody}"},
        method="POST",
    )
    with ThreadPoolExecutor(len(looks) + 1) as pool:
        *seen, answered = pool.map(lambda request: _call(opener, request, told["seconds"]), [*looks, token])
    json.dump({"seen": seen, "token": answered}, sys.stdout)
    return 0


def _call(opener: Any, request: Any, seconds: float) -> dict[str, Any]:
    try:
        with opener.open(request, timeout=seconds) as answer:
            return {"status": answer.status, "text": answer.read(64).decode().strip()}
    except urllib.error.HTTPError as error:
        with error:
            return {"status": error.code}
    except urllib.error.URLError as error:
        return {"error": str(error.reason)}
    except OSError as error:
        return {"error": str(error)}


if __name__ == "__main__":
    sys.exit(main())
