// SPDX-License-Identifier: Apache-2.0
// Makes a proof from a snarkjs .zkey and a .wtns, and checks it under the same key before it is written.
#include <sys/random.h>

#include "commands.hpp"
#include "msm.hpp"
#include "ntt.hpp"
#include "proof.hpp"

namespace groth16 {
namespace {

Fr random_scalar() {
    u8 wide[64];
    for (std::size_t have = 0; have < sizeof wide;) {
        const ssize_t n = getrandom(wide + have, sizeof wide - have, 0);
        if (n < 0 && errno != EINTR) throw Failure(EXIT_MACHINE, "the system gives no random numbers");
        if (n > 0) have += (std::size_t)n;
    }
    return Fr::from_wide(wide);
}

// Rows of A·w and B·w over the domain, in Montgomery form.
std::vector<Fr> rows(const ProvingKey& key, const Witness& witness, u32 matrix) {
    std::vector<Fr> out(std::size_t(1) << key.power);
    for (u64 i = 0; i < key.coefficient_count; ++i) {
        Fr factor;
        const KeyCoefficient k = KeyCoefficient::load(key.coefficients + i * KeyCoefficient::BYTES, factor);
        if (k.matrix == matrix) out[k.row] += factor * Fr::load(witness.bytes(k.wire));
    }
    return out;
}

// (A·w)(B·w) - (C·w) on the odd coset, where C·w = (A·w)(B·w) on the domain itself: the key's h points take
// these values.
std::vector<SignedScalar> quotient(const ProvingKey& key, const Witness& witness) {
    std::vector<Fr> abc[3];
    parallel_for(2, [&](std::size_t matrix) { abc[matrix] = rows(key, witness, (u32)matrix); });
    const std::size_t n = abc[0].size();
    abc[2].resize(n);
    parallel_ranges(n, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) abc[2][i] = abc[0][i] * abc[1][i];
    });
    const Ntt ntt(key.power);
    for (auto& values : abc) ntt.to_odd_coset(values);
    std::vector<SignedScalar> out(n);
    parallel_ranges(n, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i)
            out[i] = SignedScalar::of((abc[0][i] * abc[1][i] - abc[2][i]).to_integer());
    });
    return out;
}

Proof make_proof(const ProvingKey& key, const Witness& witness) {
    std::vector<SignedScalar> wires(witness.wires);
    parallel_ranges(wires.size(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) wires[i] = SignedScalar::of(witness[i]);
    });
    const std::vector<SignedScalar> h_values = quotient(key, witness);

    const u32 first_private = key.publics + 1;
    Msm<Fq> a(key.a, wires.data(), key.wires), b1(key.b1, wires.data(), key.wires);
    Msm<Fq> c(key.c, wires.data() + first_private, key.wires - first_private),
        h(key.h, h_values.data(), h_values.size());
    Msm<Fq2> b2(key.b2, wires.data(), key.wires);
    Msm<Fq>* const in_g1[] = {&a, &b1, &c, &h};
    parallel_for(5, [&](std::size_t i) { i < 4 ? in_g1[i]->prepare() : b2.prepare(); });
    std::vector<Task> tasks;
    for (Msm<Fq>* msm : in_g1) msm->add_tasks(tasks);
    b2.add_tasks(tasks);
    run_all(tasks);

    // r and s hide the witness: each proof draws its own.
    const Fr r = random_scalar(), s = random_scalar();
    const U256 r_plain = r.to_integer(), s_plain = s.to_integer();
    const G1Sum delta1 = G1Sum::of(key.delta1);
    const G1Sum sum_a = a.result() + key.verifying.alpha + delta1.times(r_plain);
    const G1Sum sum_b1 = b1.result() + key.beta1 + delta1.times(s_plain);
    const G2Sum sum_b2 = b2.result() + key.verifying.beta + G2Sum::of(key.verifying.delta).times(s_plain);
    const G1Sum sum_c = c.result() + h.result() + sum_a.times(s_plain) + sum_b1.times(r_plain) +
                        delta1.times((-(r * s)).to_integer());
    return {sum_a.to_affine(), sum_b2.to_affine(), sum_c.to_affine()};
}

void write_text(const std::string& path, const std::string& text) {
    OutputFile out(path);
    out.write(text.data(), text.size());
    out.finish();
}

}  // namespace

void prove(const std::string& zkey_path, const std::string& wtns_path, const std::string& proof_path,
           const std::string& public_path) {
    const ProvingKey key(zkey_path);
    const Witness witness(wtns_path);
    if (witness.wires != key.wires)
        throw Failure(EXIT_MISMATCH, wtns_path + " has " + std::to_string(witness.wires) + " wires, " +
                                         zkey_path + " is for " + std::to_string(key.wires) +
                                         ": witness and key are of different circuits");
    std::vector<U256> publics;
    for (u32 i = 1; i <= key.publics; ++i) publics.push_back(witness[i]);
    const Proof proof = make_proof(key, witness);
    // A key holds no C matrix, so only the proof itself tells whether the witness satisfies the circuit.
    if (!in_group(proof.a) || !in_group(proof.b) || !in_group(proof.c) ||
        !is_valid(key.verifying, publics, proof))
        throw Failure(EXIT_UNSATISFIED, wtns_path + ": the witness does not satisfy the circuit of " +
                                            zkey_path +
                                            " (groth16 check names the constraint), or the key is damaged");
    write_text(proof_path, proof.to_json());
    write_text(public_path, publics_to_json(publics));
}

}  // namespace groth16
