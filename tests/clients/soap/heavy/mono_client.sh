#!/usr/bin/env bash
# .NET: a proxy as `wsdl` writes it, compiled and run. mono_client.sh WSDL HEADER BODY [Soap|Soap12]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wsdl -nologo -protocol:"${4:-Soap}" -out:"$work/Service.cs" "$1" >&2
mcs -nologo -r:System.Web.Services -out:"$work/client.exe" "$work/Service.cs" "$here/MonoClient.cs" >&2
mono "$work/client.exe" "$2" "$3"
