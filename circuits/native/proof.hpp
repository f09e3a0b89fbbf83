// SPDX-License-Identifier: Apache-2.0
// A Groth16 proof: its check, and its JSON form as snarkjs writes it.
#pragma once
#include "inputs.hpp"

namespace groth16 {

struct Proof {
    G1 a;
    G2 b;
    G1 c;

    std::string to_json() const;
};

std::string publics_to_json(const std::vector<U256>& publics);

// e(A, B) = e(alpha, beta)·e(IC_0 + sum x_i·IC_i, gamma)·e(C, delta). Points must be in their groups, inputs
// below r.
bool is_valid(const VerifyingKey& key, const std::vector<U256>& publics, const Proof& proof);

}  // namespace groth16
