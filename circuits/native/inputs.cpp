// SPDX-License-Identifier: Apache-2.0
#include "inputs.hpp"

#include "ntt.hpp"

namespace groth16 {

R1cs::R1cs(const std::string& path) : bin_(path, "r1cs", 1) {
    Cursor header = bin_.section(1);
    header.expect_modulus(Fr::modulus());
    wires = header.number32();
    const u64 outputs = header.number32(), public_inputs = header.number32(),
              private_inputs = header.number32();
    header.number64();  // labels: for debuggers only
    constraints = header.number32();
    header.expect_end();
    if (bin_.has(4) || bin_.has(5)) throw Failure(EXIT_BAD_FILE, path + ": custom gates are not supported");
    if (1 + outputs + public_inputs + private_inputs > wires)
        throw Failure(EXIT_BAD_FILE, path + ": the header names more inputs and outputs than wires");
    publics = (u32)(outputs + public_inputs);
    bin_.section(3, 8 * (u64)wires);  // a label per wire: keeps a damaged header from asking for all memory
    if (12 * (u64)constraints > bin_.section(2).left())
        throw Failure(EXIT_BAD_FILE, path + ": the header names more constraints than the file holds");
}

Witness::Witness(const std::string& path) : bin_(path, "wtns", 2) {
    Cursor header = bin_.section(1);
    header.expect_modulus(Fr::modulus());
    wires = header.number32();
    header.expect_end();
    values_ = bin_.section(2, 32 * (u64)wires);
    for (u32 i = 0; i < wires; ++i)
        if (!((*this)[i] < Fr::modulus()))
            throw Failure(EXIT_BAD_FILE, path + ": the value of wire " + std::to_string(i) +
                                             " is not below the field order");
    if (wires == 0) throw Failure(EXIT_BAD_FILE, path + ": the witness is empty");
    if (!((*this)[0] == U256{{1, 0, 0, 0}}))
        throw Failure(EXIT_UNSATISFIED, path + ": wire 0 of a witness must be 1");
}

void VerifyingKey::check(const std::string& path) const {
    bool sound = in_group(alpha) && in_group(beta) && in_group(gamma) && in_group(delta);
    for (const G1& p : ic) sound = sound && in_group(p);
    if (!sound) throw Failure(EXIT_BAD_FILE, path + ": the verifying key holds a point outside its group");
    if (alpha.is_infinity() || beta.is_infinity() || gamma.is_infinity() || delta.is_infinity())
        throw Failure(EXIT_BAD_FILE, path + ": alpha, beta, gamma or delta is the point at infinity");
    if (gamma == delta)
        throw Failure(EXIT_BAD_FILE,
                      path +
                          ": gamma equals delta, so proofs under this key can be forged; "
                          "contribute to the set-up (snarkjs zkey contribute) and use the new key");
}

ProvingKey::ProvingKey(const std::string& path) : bin_(path, "zkey", 1) {
    if (bin_.section(1).number32() != 1) throw Failure(EXIT_BAD_FILE, path + ": the key is not for Groth16");
    Cursor header = bin_.section(2);
    header.expect_modulus(Fq::modulus());
    header.expect_modulus(Fr::modulus());
    wires = header.number32();
    publics = header.number32();
    const u32 domain = header.number32();
    if (wires >> 31) throw Failure(EXIT_BAD_FILE, path + ": more than 2^31 wires are not supported");
    if (publics >= wires)
        throw Failure(EXIT_BAD_FILE, path + ": the header names more public inputs than wires");
    if (domain == 0 || (domain & (domain - 1)) || domain > (1u << (MAX_TWO_POWER - 1)))
        throw Failure(EXIT_BAD_FILE, path + ": the domain size is not a power of two up to 2^27");
    power = (u32)__builtin_ctz(domain);

    const auto g1 = [&] { return G1::load(header.take(G1::BYTES)); };
    const auto g2 = [&] { return G2::load(header.take(G2::BYTES)); };
    verifying.alpha = g1();
    beta1 = g1();
    verifying.beta = g2();
    verifying.gamma = g2();
    delta1 = g1();
    verifying.delta = g2();
    header.expect_end();
    const u8* ic = bin_.section(3, ((u64)publics + 1) * G1::BYTES);
    for (u64 i = 0; i <= publics; ++i) verifying.ic.push_back(G1::load(ic + i * G1::BYTES));
    verifying.check(path);

    a = bin_.section(5, (u64)wires * G1::BYTES);
    b1 = bin_.section(6, (u64)wires * G1::BYTES);
    b2 = bin_.section(7, (u64)wires * G2::BYTES);
    c = bin_.section(8, (u64)(wires - publics - 1) * G1::BYTES);
    h = bin_.section(9, (u64)domain * G1::BYTES);
    Cursor list = bin_.section(4);
    coefficient_count = list.number32();
    coefficients = list.take(coefficient_count * KeyCoefficient::BYTES);
    list.expect_end();
    for (u64 i = 0; i < coefficient_count; ++i) {
        Fr factor;
        const KeyCoefficient k = KeyCoefficient::load(coefficients + i * KeyCoefficient::BYTES, factor);
        if (k.matrix > 1 || k.row >= domain || k.wire >= wires || !factor.is_canonical())
            throw Failure(EXIT_BAD_FILE,
                          path + ": coefficient " + std::to_string(i) + " of section 4 is out of range");
    }
}

}  // namespace groth16
