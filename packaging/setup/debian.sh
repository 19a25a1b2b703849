#!/usr/bin/env bash
# Installs the Debian packages that building and testing need, and only those that are missing.
#
#   packaging/setup/debian.sh [build] [tests] [prove] [package]      the first two when nothing is said
#
# What is there already counts, wherever it came from: on another system, put the tools in place by
# hand and this script has nothing to do.
set -euo pipefail
. "$(dirname "$0")/common.sh"

packages=()

# need CHECK PACKAGE WHY: asks for PACKAGE unless CHECK succeeds.
need() {
  $1 && return
  packages+=("$2")
  say "missing: $2 ($3)"
}

exists() { compgen -G "$1" >/dev/null; }
has_cxx() { command -v c++ >/dev/null; }
has_make() { command -v make >/dev/null; }
# libclang-cpp lies beside it on machines that have LLVM only, and is another library.
has_libclang() { exists '/usr/lib/*/lib/libclang[-.][0-9s]*' || exists '/usr/lib/*/libclang[-.][0-9s]*' || [ -n "${LIBCLANG_PATH:-}" ]; }
has_clang_headers() { exists '/usr/lib/llvm-*/lib/clang/*/include/stddef.h' || exists '/usr/lib*/clang/*/include/stddef.h'; }
has_rabbitmq() { [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]; }
has_postgres() { exists '/usr/lib/postgresql/*/bin/initdb'; }
has_mariadb() { command -v mariadbd >/dev/null || [ -x /usr/sbin/mariadbd ]; }
has_prometheus() { command -v prometheus >/dev/null && command -v promtool >/dev/null; }
has_odbc() { exists '/usr/lib/*/libodbc.so.2*'; }
has_odbc_postgres() { exists '/usr/lib/*/odbc/psqlodbcw.so'; }
has_odbc_mariadb() { exists '/usr/lib/*/odbc/libmaodbc.so'; }
has_curl() { command -v curl >/dev/null; }
has_python_module() { /usr/bin/python3 -c "import $1" 2>/dev/null; }
has_zeep() { has_python_module zeep; }
has_suds() { has_python_module suds; }
has_hl7() { has_python_module hl7; }
has_php() { command -v php >/dev/null; }
has_php_soap() { php -r 'exit(extension_loaded("soap") ? 0 : 1);' 2>/dev/null; }
has_soap_lite() { perl -MSOAP::Lite -e 1 2>/dev/null; }
has_node() { command -v node >/dev/null; }
has_npm() { command -v npm >/dev/null; }
has_mono() { command -v mono >/dev/null && command -v wsdl >/dev/null; }
has_mcs() { command -v mcs >/dev/null; }
has_gsoap() { command -v soapcpp2 >/dev/null; }
has_gsoap_library() { exists '/usr/include/stdsoap2.h' && exists '/usr/lib/*/libgsoap.a'; }
has_javac() { command -v javac >/dev/null; }
has_axis() { [ -e /usr/share/java/axis.jar ]; }
has_jar() { [ -e "/usr/share/java/$1.jar" ]; }
has_discovery() { has_jar commons-discovery; }
has_logging() { has_jar commons-logging; }
has_wsdl4j() { has_jar wsdl4j; }
has_activation() { has_jar javax.activation; }
has_mail() { has_jar javax.mail; }
has_pascal() { command -v fpc >/dev/null; }
has_pascal_http() { exists '/usr/lib/*/fpc/*/units/*/fcl-web/fphttpclient.ppu'; }
has_openssl() { command -v openssl >/dev/null; }
has_systemd_analyze() { command -v systemd-analyze >/dev/null; }
has_certificates() { [ -s /etc/ssl/certs/ca-certificates.crt ] || [ -s /etc/pki/tls/certs/ca-bundle.crt ]; }
has_rpm() { command -v rpm >/dev/null && command -v rpmbuild >/dev/null; }
has_binutils() { command -v readelf >/dev/null && command -v strip >/dev/null; }
has_venv() { /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null; }
has_mmdebstrap() { command -v mmdebstrap >/dev/null; }

# What makes a package of a binary.
need_packagers() {
  need has_rpm rpm "makes and reads rpm packages"
  need has_binutils binutils "strips the binary and reads what it asks of a system"
  need has_openssl openssl "signs the packages' checksums"
}

for what in "${@:-build tests}"; do
  for part in $what; do
    case $part in
      build)
        need has_cxx g++ "compiles RocksDB and links"
        need has_make make "runs the targets of the Makefile"
        need has_libclang libclang1-14 "reads RocksDB's C header for the Rust bindings"
        need has_clang_headers libclang-common-14-dev "stddef.h and its kin, for libclang"
        ;;
      tests)
        need has_rabbitmq rabbitmq-server "the tests publish to a real broker"
        need has_postgres postgresql-15 "the tests store into a real PostgreSQL of their own"
        need has_mariadb mariadb-server "the tests read views of a real MariaDB of their own"
        need has_prometheus prometheus "the tests have their metrics scraped and checked by it"
        need has_odbc unixodbc "the agent reads views of databases by it"
        need has_odbc_postgres odbc-postgresql "the driver by which the tests read PostgreSQL"
        need has_odbc_mariadb odbc-mariadb "the driver by which the tests read MariaDB"
        need has_curl curl "the tests call the agent as a HIS would"
        need has_openssl openssl "the tests make certificates, and send under TLS"
        need has_zeep python3-zeep "a SOAP client the tests call with"
        need has_suds python3-suds "a SOAP client the tests call with"
        need has_hl7 python3-hl7 "a sender over MLLP the tests send with"
        need has_php php-cli "runs a SOAP client the tests call with"
        need has_php_soap php-soap "a SOAP client the tests call with"
        need has_soap_lite libsoap-lite-perl "a SOAP client the tests call with"
        need has_node nodejs "runs SOAP clients and web pages the tests call with"
        need has_npm npm "installs them"
        need has_systemd_analyze systemd "systemd-analyze proves the unit of the service"
        need has_certificates ca-certificates "the forwarder reads the system's certificates"
        need_packagers
        need has_mmdebstrap mmdebstrap "makes the clean Debian that the tests install packages in"
        need has_venv python3-venv "holds schemathesis, which the tests ask every REST address with"
        ;;
      package)
        need_packagers
        need has_venv python3-venv "holds zig, the compiler of the shipped binary"
        ;;
      prove)
        need has_mono mono-devel "writes and runs proxies of .NET, which the long form calls with"
        need has_mcs mono-mcs "compiles them"
        need has_gsoap gsoap "writes a SOAP client in C, which the long form calls with"
        need has_gsoap_library libgsoap-dev "is linked to it"
        need has_javac default-jdk-headless "runs SOAP clients and an example in Java"
        need has_axis libaxis-java "a SOAP client the long form calls with"
        need has_discovery libcommons-discovery-java "for libaxis-java"
        need has_logging libcommons-logging-java "for libaxis-java"
        need has_wsdl4j libwsdl4j-java "for libaxis-java"
        need has_activation libactivation-java "for libaxis-java"
        need has_mail libmail-java "for libaxis-java"
        need has_pascal fp-compiler "compiles the example for Delphi"
        need has_pascal_http fp-units-fcl "its HTTP client"
        ;;
      *) fail "'$part' is not 'build', 'tests', 'prove' or 'package'" ;;
    esac
  done
done

[ ${#packages[@]} -gt 0 ] || exit 0

list="${packages[*]}"
command -v apt-get >/dev/null ||
  fail "this is not Debian: apt-get is not here" "Install by hand what Debian calls: $list"

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || fail "installing needs root, and sudo is not here" "Run as root: apt-get install $list"
  as_root=(sudo)
fi

# A broker, a database or a Prometheus that starts by itself would hold its port for ever; the tests start their own.
# Debian asks this file before it starts a service, and 101 means no.
policy=/usr/sbin/policy-rc.d
if [[ $list == *-server* || $list == *prometheus* || $list == *postgresql-* ]] && [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
  "${as_root[@]}" chmod 755 $policy
  trap '"${as_root[@]}" rm -f $policy' EXIT
fi

log=$(mktemp)
say "installing $list with apt-get: under a minute on a good line (log: $log)"
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "$@" >>"$log" 2>&1; }
{ apt update && apt install -o DPkg::Lock::Timeout=600 -y --no-install-recommends "${packages[@]}"; } || {
  tail -n 15 "$log" >&2
  fail "apt-get could not install $list" \
    "No network? apt-get needs a Debian mirror (see /etc/apt/sources.list) for this one step." \
    "Another release than Debian 12? Install by hand: g++ make libclang-dev rabbitmq-server curl openssl ca-certificates"
}

for server in rabbitmq-server mariadb-server prometheus; do
  [[ $list == *$server* ]] && [ -d /run/systemd/system ] || continue
  unit=${server/mariadb-server/mariadb}
  "${as_root[@]}" systemctl disable --quiet "$unit" || say "$unit stays enabled; the tests do not need it"
done
rm -f "$log"
say "packages are in place"
