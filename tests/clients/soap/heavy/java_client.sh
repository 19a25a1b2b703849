#!/usr/bin/env bash
# A Java program, run from its source. java_client.sh PROGRAM ADDRESS NAMESPACE HEADER BODY
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
jars=
for jar in axis axis-jaxrpc axis-saaj commons-discovery commons-logging wsdl4j javax.activation javax.mail; do
  jars+=/usr/share/java/$jar.jar:
done
program=$1
shift
java -cp "$jars" "$here/$program.java" "$@"
