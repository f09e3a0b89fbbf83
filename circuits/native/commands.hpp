// SPDX-License-Identifier: Apache-2.0
// One function per sub-command. Each throws Failure with the exit code that --help documents.
#pragma once
#include <string>

namespace groth16 {

void setup(const std::string& r1cs, const std::string& zkey, const std::string& seed);
void prove(const std::string& zkey, const std::string& wtns, const std::string& proof_json,
           const std::string& public_json);
void verify(const std::string& key_json, const std::string& proof_json, const std::string& public_json);
void check(const std::string& r1cs, const std::string& wtns);

}  // namespace groth16
