// The checksum of every block and every log entry, twice: as any x86 processor can compute it, and with the two
// instructions that most have had since 2010. The processor decides while the agent runs, so that one binary is quick in
// a server room and still runs in a virtual machine whose processor is hidden from it.
//
// `packaging/setup/rocksdb.sh` compiles RocksDB's own `util/crc32c.cc` into the two namespaces; this takes its place.

#include <cpuid.h>

#include "util/crc32c.h"

#define DECLARE(name)                                     \
  namespace name::crc32c {                                \
  std::string IsFastCrc32Supported();                     \
  uint32_t Extend(uint32_t, const char*, size_t);         \
  uint32_t Crc32cCombine(uint32_t, uint32_t, size_t);     \
  }
DECLARE(rocksdb_plain)
DECLARE(rocksdb_quick)

namespace ROCKSDB_NAMESPACE::crc32c {

// Asked of the processor itself: zig's runtime has no `__builtin_cpu_supports`. Once, at the first use, since a virtual
// machine is left for every question; and not as a static of the file, since the order in which those are made is not ours.
static bool is_quick() {
  static const bool quick = [] {
    unsigned eax, ebx, ecx = 0, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_SSE4_2) && (ecx & bit_PCLMUL);
  }();
  return quick;
}

std::string IsFastCrc32Supported() {
  return is_quick() ? rocksdb_quick::crc32c::IsFastCrc32Supported()
                    : rocksdb_plain::crc32c::IsFastCrc32Supported();
}

uint32_t Extend(uint32_t crc, const char* bytes, size_t count) {
  return is_quick() ? rocksdb_quick::crc32c::Extend(crc, bytes, count)
                    : rocksdb_plain::crc32c::Extend(crc, bytes, count);
}

uint32_t Crc32cCombine(uint32_t crc1, uint32_t crc2, size_t crc2len) {
  return is_quick() ? rocksdb_quick::crc32c::Crc32cCombine(crc1, crc2, crc2len)
                    : rocksdb_plain::crc32c::Crc32cCombine(crc1, crc2, crc2len);
}

}  // namespace ROCKSDB_NAMESPACE::crc32c
