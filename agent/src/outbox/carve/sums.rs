//! The two sums by which the engine tells that bytes are what it wrote: CRC-32C in logs, XXH3 in
//! tables.

use super::bytes::{u32_at, u64_at};

/// CRC-32C of some bytes behind one another, in the form in which logs keep it.
pub(super) fn masked_crc(parts: [&[u8]; 2]) -> u32 {
    let crc = parts.into_iter().fold(!0_u32, crc);
    (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Eight bytes a step: a start reads the whole log.
fn crc(mut crc: u32, bytes: &[u8]) -> u32 {
    let of = |table: usize, byte: u8| {
        TABLES.get(table).and_then(|it| it.get(usize::from(byte))).copied().unwrap_or_default()
    };
    let (steps, rest) = bytes.as_chunks::<8>();
    for [a, b, c, d, e, f, g, h] in steps {
        let [i, j, k, l] = crc.to_le_bytes();
        crc = of(7, a ^ i) ^ of(6, b ^ j) ^ of(5, c ^ k) ^ of(4, d ^ l);
        crc ^= of(3, *e) ^ of(2, *f) ^ of(1, *g) ^ of(0, *h);
    }
    for byte in rest {
        let [low, ..] = crc.to_le_bytes();
        crc = (crc >> 8) ^ of(0, low ^ byte);
    }
    crc
}

/// What a byte comes to, and with how many zeros behind it.
static TABLES: [[u32; 256]; 8] = tables();

#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation)] // while compiling
const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut place = 0;
    while place < 8 * 256 {
        let (table, byte) = (place / 256, place % 256);
        let mut crc = if table == 0 { byte as u32 } else { tables[table - 1][byte] };
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 * (crc & 1));
            bit += 1;
        }
        tables[table][byte] = crc;
        place += 1;
    }
    tables
}

/// The sum of a block and the byte behind it that says how the block is compressed.
pub(super) fn block_sum(block: &[u8], kind: u8) -> u32 {
    #[allow(clippy::cast_possible_truncation)] // the low half is what is kept
    let low = xxh3(block) as u32;
    low ^ u32::from(kind).wrapping_mul(0x6b90_83d9)
}

/// XXH3 of 64 bits, without a seed.
fn xxh3(input: &[u8]) -> u64 {
    match input.len() {
        0 => avalanche_64(secret(56) ^ secret(64)),
        1..=3 => short(input),
        4..=8 => {
            let ends = u64::from(u32_at(input, input.len() - 4))
                .wrapping_add(u64::from(u32_at(input, 0)) << 32);
            rrmxmx(ends ^ (secret(8) ^ secret(16)), input.len() as u64)
        }
        9..=16 => {
            let low = u64_at(input, 0) ^ (secret(24) ^ secret(32));
            let high = u64_at(input, input.len() - 8) ^ (secret(40) ^ secret(48));
            let sum = (input.len() as u64).wrapping_add(low.swap_bytes()).wrapping_add(high);
            avalanche(sum.wrapping_add(folded(low, high)))
        }
        17..=128 => {
            let mut acc = (input.len() as u64).wrapping_mul(PRIME64[0]);
            for i in 0..=(input.len() - 1) / 32 {
                acc = acc.wrapping_add(mixed(input, 16 * i, 32 * i));
                acc = acc.wrapping_add(mixed(input, input.len() - 16 * (i + 1), 32 * i + 16));
            }
            avalanche(acc)
        }
        129..=240 => middle(input),
        _ => long(input),
    }
}

fn short(input: &[u8]) -> u64 {
    let byte = |at: usize| u32::from(input.get(at).copied().unwrap_or_default());
    let length = input.len();
    #[allow(clippy::cast_possible_truncation)] // at most 3
    let combined =
        byte(0) << 16 | byte(length >> 1) << 24 | byte(length - 1) | (length as u32) << 8;
    avalanche_64(u64::from(combined ^ u32_at(&SECRET, 0) ^ u32_at(&SECRET, 4)))
}

fn middle(input: &[u8]) -> u64 {
    let mut acc = (input.len() as u64).wrapping_mul(PRIME64[0]);
    for i in 0..8 {
        acc = acc.wrapping_add(mixed(input, 16 * i, 16 * i));
    }
    acc = avalanche(acc);
    for i in 8..input.len() / 16 {
        acc = acc.wrapping_add(mixed(input, 16 * i, 16 * (i - 8) + 3));
    }
    avalanche(acc.wrapping_add(mixed(input, input.len() - 16, 136 - 17)))
}

fn long(input: &[u8]) -> u64 {
    const STRIPE: usize = 64;
    const STRIPES: usize = (SECRET.len() - STRIPE) / 8;
    let mut acc = START;
    let last = (input.len() - 1) / STRIPE;
    for stripe in 0..last {
        accumulate(&mut acc, input, stripe * STRIPE, stripe % STRIPES * 8);
        if stripe % STRIPES == STRIPES - 1 {
            for (lane, key) in acc.iter_mut().zip((SECRET.len() - STRIPE..).step_by(8)) {
                *lane = (*lane ^ (*lane >> 47) ^ secret(key)).wrapping_mul(PRIME32_1);
            }
        }
    }
    accumulate(&mut acc, input, input.len() - STRIPE, SECRET.len() - STRIPE - 7);
    let mut result = (input.len() as u64).wrapping_mul(PRIME64[0]);
    let (pairs, _) = acc.as_chunks::<2>();
    for ([one, other], at) in pairs.iter().zip((11..).step_by(16)) {
        result = result.wrapping_add(folded(one ^ secret(at), other ^ secret(at + 8)));
    }
    avalanche(result)
}

fn accumulate(acc: &mut [u64; 8], input: &[u8], at: usize, key: usize) {
    let data: [u64; 8] = std::array::from_fn(|lane| u64_at(input, at + 8 * lane));
    for (lane, slot) in acc.iter_mut().enumerate() {
        let own = data.get(lane).copied().unwrap_or_default();
        let neighbour = data.get(lane ^ 1).copied().unwrap_or_default();
        let keyed = own ^ secret(key + 8 * lane);
        let product = (keyed & 0xffff_ffff).wrapping_mul(keyed >> 32);
        *slot = slot.wrapping_add(neighbour).wrapping_add(product);
    }
}

fn mixed(input: &[u8], at: usize, key: usize) -> u64 {
    folded(u64_at(input, at) ^ secret(key), u64_at(input, at + 8) ^ secret(key + 8))
}

#[allow(clippy::cast_possible_truncation)] // both halves are taken
fn folded(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    product as u64 ^ (product >> 64) as u64
}

fn avalanche(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 37)).wrapping_mul(0x1656_6791_9e37_79f9);
    hash ^ (hash >> 32)
}

fn avalanche_64(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(PRIME64[1]);
    hash = (hash ^ (hash >> 29)).wrapping_mul(PRIME64[2]);
    hash ^ (hash >> 32)
}

fn rrmxmx(mut hash: u64, length: u64) -> u64 {
    hash ^= hash.rotate_left(49) ^ hash.rotate_left(24);
    hash = hash.wrapping_mul(0x9fb2_1c65_1e98_df25);
    hash ^= (hash >> 35).wrapping_add(length);
    hash = hash.wrapping_mul(0x9fb2_1c65_1e98_df25);
    hash ^ (hash >> 28)
}

fn secret(at: usize) -> u64 {
    u64_at(&SECRET, at)
}

const PRIME32_1: u64 = 0x9e37_79b1;
const PRIME64: [u64; 5] = [
    0x9e37_79b1_85eb_ca87,
    0xc2b2_ae3d_27d4_eb4f,
    0x1656_67b1_9e37_79f9,
    0x85eb_ca77_c2b2_ae63,
    0x27d4_eb2f_1656_67c5,
];
const START: [u64; 8] = [
    0xc2b2_ae3d,
    PRIME64[0],
    PRIME64[1],
    PRIME64[2],
    PRIME64[3],
    0x85eb_ca77,
    PRIME64[4],
    PRIME32_1,
];

/// What XXH3 mixes in, the same everywhere.
#[rustfmt::skip]
static SECRET: [u8; 192] = [
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Every form, against what the reference implementation gives.
    #[test]
    fn sums_are_those_of_the_engine() {
        check(0, 0x2d06_8005_38d3_94c2);
        check(1, 0xc44b_dff4_074e_ecdb);
        check(3, 0xc348_9259_e968_ad9e);
        check(4, 0xd3d6_0c15_1901_4e89);
        check(8, 0xb88d_ee77_f6bf_6980);
        check(9, 0x0368_8dca_d730_d826);
        check(16, 0x9da2_3836_adf2_be1e);
        check(17, 0xf34c_3c9c_f5a1_12d1);
        check(100, 0x1023_ae92_e631_eac5);
        check(128, 0x4c65_9b74_5f43_5148);
        check(129, 0xb852_22b8_3902_b6e5);
        check(200, 0xd120_16b5_3c95_65ba);
        check(240, 0xd6df_bf67_b067_5b54);
        check(241, 0xc614_c8c3_5753_48c1);
        check(1024, 0xf22e_f3dc_84ff_47ea);
        check(1025, 0x43f8_69a8_3769_a435);
        check(5000, 0xce29_a194_60ee_1bfc);
    }

    #[track_caller]
    fn check(length: usize, expected: u64) {
        let input: Vec<u8> = (0..length).map(|it| u8::try_from(it * 7 % 251).unwrap()).collect();
        assert_eq!(xxh3(&input), expected, "{length}");
    }

    #[test]
    fn crc() {
        // CRC-32C of "123456789" is e3069283.
        assert_eq!(
            masked_crc([b"1234", b"56789"]),
            0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8)
        );
    }
}
