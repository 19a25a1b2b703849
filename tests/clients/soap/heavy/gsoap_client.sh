#!/usr/bin/env bash
# gSOAP: C from the description, compiled and run. gsoap_client.sh WSDL HEADER BODY
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{
  wsdl2h -c -o service.h "$1"
  soapcpp2 -C -c -x -L -I/usr/share/gsoap/import service.h
} >generated.log 2>&1 || { cat generated.log >&2; exit 1; }
# The call as it was generated; its name and its types follow the style and the namespace.
call=$(grep -ho 'soap_call_[A-Za-z0-9_]*CallInterface(.*' soapStub.h | head -n 1)
shape=("-DFUNCTION=${call%%(*}")
[[ $call =~ struct\ ([A-Za-z0-9_]*CallInterface)\  ]] && shape+=("-DWRAPPED=${BASH_REMATCH[1]}")
[[ $call =~ struct\ ([A-Za-z0-9_]*CallInterfaceResponse)\  ]] && shape+=("-DRESPONSE=${BASH_REMATCH[1]}")
gcc -w -I. "${shape[@]}" -o client "$here/gsoap_client.c" soapC.c soapClient.c -lgsoap >&2
./client "$2" "$3"
