// SPDX-License-Identifier: Apache-2.0
// Whether a witness satisfies every constraint of a circuit, and which one it fails first.
#include "commands.hpp"
#include "inputs.hpp"

namespace groth16 {

void check(const std::string& r1cs_path, const std::string& wtns_path) {
    const R1cs r1cs(r1cs_path);
    const Witness witness(wtns_path);
    if (witness.wires != r1cs.wires)
        throw Failure(EXIT_MISMATCH, wtns_path + " has " + std::to_string(witness.wires) + " wires, " +
                                         r1cs_path + " has " + std::to_string(r1cs.wires) +
                                         ": the witness is of another circuit");
    std::vector<Fr> rows[3];
    for (auto& row : rows) row.resize(r1cs.constraints);
    r1cs.each_term([&](int matrix, const R1cs::Term& t) {
        rows[matrix][t.constraint] += Fr::from(U256::load(t.coefficient)) * Fr::from(witness[t.wire]);
    });
    for (u32 i = 0; i < r1cs.constraints; ++i)
        if (rows[0][i] * rows[1][i] != rows[2][i])
            throw Failure(EXIT_UNSATISFIED, wtns_path + ": the witness does not satisfy constraint " +
                                                std::to_string(i) + " of " + r1cs_path);
}

}  // namespace groth16
