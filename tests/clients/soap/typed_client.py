# zeep, made for operations whose results are a number or a truth: typed_client.py WSDL HEADER BODY
#
# Prints what its programmer gets, for the two strings and for two that no mapping reads.
import sys

from zeep import Client

wsdl, header, body = sys.argv[1], *[open(it, encoding="utf-8").read() for it in sys.argv[2:4]]
service = Client(wsdl).service
for name in ("Number", "Long", "Truth"):
    for strings in ((header, body), ("<a/>", "<b/>")):
        print(repr(service[name](*strings)))
