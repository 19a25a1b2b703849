# zeep: reads the description and checks the answer against it. zeep_client.py WSDL HEADER BODY
import sys

from zeep import Client

wsdl, header, body = sys.argv[1], *[open(it, encoding="utf-8").read() for it in sys.argv[2:4]]
sys.stdout.buffer.write(Client(wsdl).service.CallInterface(header, body).encode("utf-8"))
