#!/usr/bin/python3
"""What the binary is made of, from Cargo's own account of it.

    packaging/inventory.py sbom        CycloneDX 1.5 on standard output
    packaging/inventory.py licences    the licence texts of everything that is linked

The C and C++ sources that some crates carry are components of their own: who looks for a hole in zstd looks
for zstd, and not for zstd-sys. Nothing of the machine or the moment is in the output.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import uuid
from datetime import datetime, timezone

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Crate, what it carries, and where its version stands in the crate's version or sources.
CARRIED = [
    ("librocksdb-sys", "rocksdb", "Apache-2.0", r"\+([\d.]+)$", None),
    ("lz4-sys", "lz4", "BSD-2-Clause", r"\+lz4-([\d.]+)$", None),
    ("zstd-sys", "zstd", "BSD-3-Clause", r"\+zstd\.([\d.]+)$", None),
    ("tikv-jemalloc-sys", "jemalloc", "BSD-2-Clause", r"\+([\d.]+)-", None),
    ("aws-lc-sys", "aws-lc", "ISC AND (Apache-2.0 OR ISC)", r'AWSLC_VERSION_NUMBER_STRING "([\d.]+)"',
     "aws-lc/include/openssl/base.h"),
]


def main():
    linked = packages()
    if sys.argv[1:] == ["sbom"]:
        json.dump(sbom(linked), sys.stdout, ensure_ascii=False, indent=1)
        print()
    elif sys.argv[1:] == ["licences"]:
        licences(linked)
    else:
        sys.exit(__doc__)


def packages():
    """The packages that are linked into the agent, by id, with what each needs."""
    asked = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"]
    told = json.loads(subprocess.run(asked, cwd=ROOT, check=True, capture_output=True).stdout)
    needs = {
        node["id"]: sorted(
            it["pkg"] for it in node["deps"] if any(kind["kind"] is None for kind in it["dep_kinds"])
        )
        for node in told["resolve"]["nodes"]
    }
    by_id = {it["id"]: it for it in told["packages"]}
    agent = next(it["id"] for it in told["packages"] if it["name"] == "agent")
    linked, waiting = {}, [agent]
    while waiting:
        here = waiting.pop()
        if here not in linked:
            linked[here] = by_id[here] | {"needs": needs[here]}
            waiting.extend(needs[here])
    return linked


def sbom(linked):
    digests = checksums()
    ours = [it for it in linked.values() if it["source"] is None]
    version = ours[0]["version"]
    components = sorted((component(it, digests) for it in linked.values()), key=lambda it: it["bom-ref"])
    lock = (ROOT / "Cargo.lock").read_text()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, lock + version)}",
        "version": 1,
        "metadata": {
            "timestamp": moment(),
            "component": {
                "type": "application",
                "bom-ref": "his-agent",
                "name": "his-agent",
                "version": version,
                "licenses": [{"expression": "Apache-2.0"}],
            },
        },
        "components": components,
        "dependencies": [{"ref": "his-agent", "dependsOn": sorted(reference(it) for it in ours if it["name"] == "agent")}]
        + sorted(
            ({"ref": reference(it), "dependsOn": sorted(reference(linked[need]) for need in it["needs"])}
             for it in linked.values()),
            key=lambda it: it["ref"],
        ),
    }


def component(package, digests):
    made = {
        "type": "library",
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
        # Older manifests say `MIT/Apache-2.0`.
        "licenses": [{"expression": (package["license"] or "NOASSERTION").replace("/", " OR ")}],
    }
    if package["source"] is not None:
        made["purl"] = reference(package)
        made["hashes"] = [{"alg": "SHA-256", "content": digests[package["name"], package["version"]]}]
    carried = [it for it in CARRIED if it[0] == package["name"]]
    if carried:
        made["components"] = [inside(package, *it[1:]) for it in carried]
    return made


def inside(package, name, licence, pattern, header):
    """Sources in another language inside a crate."""
    text = package["version"]
    if header is not None:
        folder = pathlib.Path(package["manifest_path"]).parent
        text = "".join(path.read_text() for path in sorted(folder.glob(header))[:1])
    found = re.search(pattern, text)
    if found is None:
        sys.exit(f"{package['name']}: the version of {name} is not where packaging/inventory.py looks for it")
    version = found[1]
    return {
        "type": "library",
        "bom-ref": f"pkg:generic/{name}@{version}",
        "name": name,
        "version": version,
        "licenses": [{"expression": licence}],
        "purl": f"pkg:generic/{name}@{version}",
    }


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def checksums():
    """SHA-256 of every crate, as the lock file has it."""
    pattern = r'name = "([^"]+)"\nversion = "([^"]+)"\nsource = "[^"]+"\nchecksum = "([0-9a-f]+)"'
    found = re.findall(pattern, (ROOT / "Cargo.lock").read_text())
    return {(name, version): digest for name, version, digest in found}


def moment():
    """The time of the sources, so that two builds of the same sources are equal."""
    return datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), timezone.utc).isoformat()


def licences(linked):
    """Each text once, with the packages that have it."""
    holders = {}
    for package in linked.values():
        if package["source"] is None:
            continue
        folder = pathlib.Path(package["manifest_path"]).parent
        label = f"{package['name']} {package['version']} ({package['license']})"
        texts = [path for path in sorted(folder.rglob("*")) if is_licence(path)]
        for text in {path.read_text(errors="strict").strip() for path in texts} or {""}:
            holders.setdefault(text, []).append(label)
    for labels, text in sorted((sorted(labels), text) for text, labels in holders.items()):
        print("=" * 100, *labels, "", text or "(the package carries no text; the licence it names holds)", "",
              sep="\n")


def is_licence(path):
    # RocksDB may be had under the GPL or under Apache-2.0, and we take the latter.
    if path.name == "COPYING" and path.with_name("LICENSE.Apache").exists():
        return False
    return path.is_file() and re.match(r"(?i)(licen[cs]e|copying|notice|unlicense)", path.name) is not None


if __name__ == "__main__":
    main()
