# zeep, compiled against the description that a hospital handed over: foreign_client.py WSDL ADDRESS HEADER BODY
#
# The description names its old addresses: its parts lie beside it, as `channel from-wsdl` says to put them, and the
# calls go to ADDRESS and the path that the description names.
import os
import re
import sys
from urllib.parse import urlsplit

import zeep
from zeep.transports import Transport

wsdl, address, header, body = sys.argv[1:]


# Of what Axis 1 types its strings by; zeep would fetch it.
ENCODING = b'''<schema xmlns="http://www.w3.org/2001/XMLSchema"
  targetNamespace="http://schemas.xmlsoap.org/soap/encoding/">
  <simpleType name="string"><restriction base="string"/></simpleType>
</schema>'''


class Beside(Transport):
    def load(self, url):
        if url and 'schemas.xmlsoap.org/soap/encoding' in url:
            return ENCODING
        if url and '://' in url:
            name = re.sub(r'[^A-Za-z0-9.-]', '_', url.rstrip('/').rsplit('/', 1)[-1])
            url = os.path.join(os.path.dirname(wsdl), name)
        return super().load(url)


def read(path):
    with open(path, encoding='utf-8', newline='') as file:
        return file.read()


client = zeep.Client(wsdl, transport=Beside())
answers = set()
for service in client.wsdl.services.values():
    for port in service.ports.values():
        if 'address' not in port.binding_options or 'Http' in type(port.binding).__name__:
            continue
        path = urlsplit(port.binding_options['address']).path
        proxy = client.bind(service.name, port.name)
        proxy._binding_options['address'] = address + path
        name = next(it for it in port.binding._operations if it.lower() == 'callinterface')
        answers.add(proxy[name](msgHeader=read(header), msgBody=read(body)))
if len(answers) != 1:
    sys.exit(f'{len(answers)} answers')
sys.stdout.write(answers.pop())
