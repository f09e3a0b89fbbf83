// SPDX-License-Identifier: Apache-2.0
// One-step set-up from a published seed. Whoever knows the seed knows τ, α, β and δ and can forge proofs: the
// key is for tests and local networks only. Groth, "On the Size of Pairing-based Non-interactive Arguments",
// section 3.2, with γ = 1.
#include "commands.hpp"
#include "fixed_base.hpp"
#include "inputs.hpp"
#include "ntt.hpp"
#include "sha256.hpp"

namespace groth16 {
namespace {

// 64 bytes for a label: SHA-256(tag, SHA-256(seed), SHA-256(r1cs), label, counter) for two counters.
class SeedStream {
  public:
    SeedStream(const std::string& seed, const MappedFile& r1cs) {
        seed_ = Sha256().add(seed).digest();
        circuit_ = Sha256().add(r1cs.data(), r1cs.size()).digest();
    }
    void bytes(const std::string& label, u8 counter, u8 (&out)[64]) const {
        for (u8 half = 0; half < 2; ++half) {
            const u8 count = (u8)(2 * counter + half);
            const Digest d = Sha256()
                                 .add(std::string("groth16 development set-up 1"))
                                 .add(seed_)
                                 .add(circuit_)
                                 .add(label)
                                 .add(&count, 1)
                                 .digest();
            std::memcpy(out + 32 * half, d.data(), 32);
        }
    }
    Fr scalar(const std::string& label) const {
        u8 wide[64];
        for (u8 counter = 0;; ++counter) {
            bytes(label, counter, wide);
            if (const Fr v = Fr::from_wide(wide); !v.is_zero() && v != Fr::one()) return v;
        }
    }

  private:
    Digest seed_, circuit_;
};

// Lagrange basis of the group of `size` elements at tau: L_j = w^j·(tau^size - 1) / (size·(tau - w^j)), for
// every step-th j from `first` on.
std::vector<Fr> lagrange(const Fr& tau, unsigned power, std::size_t first, std::size_t step) {
    const std::size_t size = std::size_t(1) << power, count = size / step;
    const Fr w = root_of_unity(power), start = w.pow(U256{{first, 0, 0, 0}});
    std::vector<Fr> points = powers(w.pow(U256{{step, 0, 0, 0}}), count), out(count);
    const Fr scale = (tau.pow(U256{{size, 0, 0, 0}}) - Fr::one()) * Fr::of(size).inverse();
    for (std::size_t i = 0; i < count; ++i) {
        points[i] *= start;
        out[i] = tau - points[i];
        if (out[i].is_zero()) throw Failure(EXIT_USAGE, "this seed gives a degenerate key: choose another");
    }
    batch_inverse(out);
    for (std::size_t i = 0; i < count; ++i) out[i] *= points[i] * scale;
    return out;
}

template <class F>
std::vector<u8> point_section(const FixedBase<F>& base, const std::vector<Fr>& scalars) {
    std::vector<u8> bytes(scalars.size() * Affine<F>::BYTES);
    base.multiply(scalars, bytes.data());
    return bytes;
}

void append(std::vector<u8>& out, const void* data, std::size_t size) {
    const u8* p = static_cast<const u8*>(data);
    out.insert(out.end(), p, p + size);
}
void append32(std::vector<u8>& out, u32 v) { append(out, &v, 4); }
void append_modulus(std::vector<u8>& out, const U256& modulus) {
    append32(out, 32);
    append(out, modulus.l, 32);
}
template <class Element>
void append_element(std::vector<u8>& out, const Element& e) {
    u8 bytes[sizeof(Element)];
    e.store(bytes);
    append(out, bytes, sizeof bytes);
}

// Rows of A and B as the prover reads them, the public wires' own rows of A at the end.
std::vector<u8> coefficient_section(const R1cs& r1cs) {
    std::vector<u8> out(4);
    u32 count = 0;
    const auto add = [&](u32 matrix, u32 row, u32 wire, const Fr& value) {
        append32(out, matrix);
        append32(out, row);
        append32(out, wire);
        append_element(out, value * Fr::raw(Fr::R2));
        ++count;
    };
    r1cs.each_term([&](int matrix, const R1cs::Term& t) {
        if (matrix < 2) add((u32)matrix, t.constraint, t.wire, Fr::from(U256::load(t.coefficient)));
    });
    for (u32 wire = 0; wire <= r1cs.publics; ++wire) add(0, r1cs.constraints + wire, wire, Fr::one());
    std::memcpy(out.data(), &count, 4);
    return out;
}

}  // namespace

void setup(const std::string& r1cs_path, const std::string& zkey_path, const std::string& seed) {
    if (seed.empty()) throw Failure(EXIT_USAGE, "the seed must not be empty");
    const R1cs r1cs(r1cs_path);
    unsigned power = 0;
    while ((u64(1) << power) < (u64)r1cs.constraints + r1cs.publics + 1) ++power;
    if (power >= MAX_TWO_POWER)
        throw Failure(EXIT_BAD_FILE, r1cs_path + ": more than 2^27 constraints are not supported");

    const SeedStream stream(seed, r1cs.file());
    const Fr tau = stream.scalar("tau"), alpha = stream.scalar("alpha"), beta = stream.scalar("beta"),
             delta = stream.scalar("delta");

    // A_s(tau), B_s(tau), C_s(tau) for every wire s; the public wires' own rows make their A_s linearly
    // independent.
    std::vector<Fr> matrices[3];
    for (auto& m : matrices) m.resize(r1cs.wires);
    {
        const std::vector<Fr> basis = lagrange(tau, power, 0, 1);
        r1cs.each_term([&](int matrix, const R1cs::Term& t) {
            matrices[matrix][t.wire] += Fr::from(U256::load(t.coefficient)) * basis[t.constraint];
        });
        for (u32 wire = 0; wire <= r1cs.publics; ++wire) matrices[0][wire] += basis[r1cs.constraints + wire];
    }
    std::vector<Fr> ic(r1cs.publics + 1), c(r1cs.wires - r1cs.publics - 1);
    const Fr delta_inverse = delta.inverse();
    for (u32 s = 0; s < r1cs.wires; ++s) {
        const Fr k = beta * matrices[0][s] + alpha * matrices[1][s] + matrices[2][s];
        if (s <= r1cs.publics)
            ic[s] = k;
        else
            c[s - r1cs.publics - 1] = k * delta_inverse;
    }
    // h is given by its numerator's values on the odd coset (the prover's transform), where Z's factor
    // cancels.
    std::vector<Fr> h = lagrange(tau, power + 1, 1, 2);
    for (Fr& v : h) v *= delta_inverse;

    const FixedBase<Fq> base1(g1_generator());
    const FixedBase<Fq2> base2(g2_generator());
    OutputFile out(zkey_path);
    out.begin_bin("zkey", 1, 10);
    out.section(1, {1, 0, 0, 0});
    std::vector<u8> header;
    append_modulus(header, Fq::modulus());
    append_modulus(header, Fr::modulus());
    append32(header, r1cs.wires);
    append32(header, r1cs.publics);
    append32(header, 1u << power);
    append_element(header, base1.multiply(alpha));
    append_element(header, base1.multiply(beta));
    append_element(header, base2.multiply(beta));
    append_element(header, g2_generator());  // gamma, which snarkjs fixes to 1
    append_element(header, base1.multiply(delta));
    append_element(header, base2.multiply(delta));
    out.section(2, header);
    out.section(4, coefficient_section(r1cs));
    out.section(3, point_section(base1, ic));
    out.section(9, point_section(base1, h));
    out.section(8, point_section(base1, c));
    out.section(5, point_section(base1, matrices[0]));
    out.section(6, point_section(base1, matrices[1]));
    out.section(7, point_section(base2, matrices[1]));
    // No contributions yet. snarkjs's circuit hash covers a key with δ = 1 from a ceremony file; this set-up
    // has neither, so the 64 bytes that start the transcript of later contributions are bound to seed and
    // circuit instead.
    u8 circuit_hash[64];
    stream.bytes("circuit hash", 0, circuit_hash);
    std::vector<u8> contributions;
    append(contributions, circuit_hash, 64);
    append32(contributions, 0);
    out.section(10, contributions);
    out.finish();
}

}  // namespace groth16
