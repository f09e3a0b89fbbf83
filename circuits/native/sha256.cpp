// SPDX-License-Identifier: Apache-2.0
#include "sha256.hpp"

#include <algorithm>

namespace groth16 {

static const u32 ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static u32 rotate(u32 v, int n) { return v >> n | v << (32 - n); }

void Sha256::block(const u8* data) {
    u32 w[64];
    for (int i = 0; i < 16; ++i)
        w[i] =
            (u32)data[4 * i] << 24 | (u32)data[4 * i + 1] << 16 | (u32)data[4 * i + 2] << 8 | data[4 * i + 3];
    for (int i = 16; i < 64; ++i) {
        const u32 s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        const u32 s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    u32 v[8];
    std::copy(state_, state_ + 8, v);
    for (int i = 0; i < 64; ++i) {
        const u32 s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25),
                  choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        const u32 t1 = v[7] + s1 + choice + ROUND[i] + w[i];
        const u32 s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22),
                  majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        std::copy_backward(v, v + 7, v + 8);
        v[4] += t1;
        v[0] = t1 + s0 + majority;
    }
    for (int i = 0; i < 8; ++i) state_[i] += v[i];
}

Sha256& Sha256::add(const void* data, u64 size) {
    const u8* p = static_cast<const u8*>(data);
    while (size > 0) {
        const u64 used = length_ % 64, n = std::min<u64>(64 - used, size);
        if (used == 0 && n == 64) {
            block(p);
        } else {
            std::memcpy(pending_ + used, p, n);
            if (used + n == 64) block(pending_);
        }
        length_ += n;
        p += n;
        size -= n;
    }
    return *this;
}

Digest Sha256::digest() {
    const u64 bits = 8 * length_;
    const u8 one = 0x80, zero = 0;
    add(&one, 1);
    while (length_ % 64 != 56) add(&zero, 1);
    u8 tail[8];
    for (int i = 0; i < 8; ++i) tail[i] = (u8)(bits >> (56 - 8 * i));
    add(tail, 8);
    Digest out;
    for (int i = 0; i < 32; ++i) out[i] = (u8)(state_[i / 4] >> (24 - 8 * (i % 4)));
    return out;
}

}  // namespace groth16
