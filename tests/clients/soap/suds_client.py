# suds: Connection: close, two prefixes for one namespace. suds_client.py WSDL HEADER BODY
import sys

from suds.client import Client

wsdl, header, body = sys.argv[1], *[open(it, encoding="utf-8").read() for it in sys.argv[2:4]]
answer = Client(wsdl, cache=None).service.CallInterface(header, body)
sys.stdout.buffer.write(str(answer).encode("utf-8"))
