// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4).
#pragma once
#include <array>
#include <string>
#include <vector>

#include "field.hpp"

namespace groth16 {

using Digest = std::array<u8, 32>;

class Sha256 {
  public:
    Sha256& add(const void* data, u64 size);
    Sha256& add(const std::string& text) { return add(text.data(), text.size()); }
    Sha256& add(const Digest& digest) { return add(digest.data(), digest.size()); }
    // Ends the message; the object is used up.
    Digest digest();

  private:
    u32 state_[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    u8 pending_[64];
    u64 length_ = 0;

    void block(const u8* data);
};

}  // namespace groth16
