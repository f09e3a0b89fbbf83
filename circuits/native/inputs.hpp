// SPDX-License-Identifier: Apache-2.0
// The three files that come in, checked as they are opened: .r1cs, .wtns and .zkey.
#pragma once
#include "binfile.hpp"
#include "curve.hpp"

namespace groth16 {

// Constraints A·w * B·w = C·w over the wires w: first 1, then outputs, public inputs, private inputs, the
// rest.
class R1cs {
  public:
    explicit R1cs(const std::string& path);

    u32 wires, publics, constraints;  // `publics` without the wire that is 1

    struct Term {
        u32 constraint, wire;
        const u8* coefficient;  // 32 bytes, below the field order
    };
    // Calls visit(matrix, term) for every coefficient in file order, matrix 0, 1, 2 for A, B, C.
    template <class Visit>
    void each_term(const Visit& visit) const;

    const MappedFile& file() const { return bin_.file(); }
    const std::string& path() const { return bin_.path(); }

  private:
    BinFile bin_;
};

class Witness {
  public:
    explicit Witness(const std::string& path);

    u32 wires;
    U256 operator[](std::size_t i) const { return U256::load(values_ + 32 * i); }
    const u8* bytes(std::size_t i) const { return values_ + 32 * i; }

  private:
    BinFile bin_;
    const u8* values_;
};

// What a verifier needs, from a .zkey or from verification_key.json.
struct VerifyingKey {
    G1 alpha;
    G2 beta, gamma, delta;
    std::vector<G1> ic;

    // Refuses points outside the groups and γ = δ, with which anybody can make "proofs" without a witness.
    void check(const std::string& path) const;
};

// One coefficient of A or B: value·2^512 mod r, so that one Montgomery product with a plain wire is in
// Montgomery form.
struct KeyCoefficient {
    static constexpr std::size_t BYTES = 44;
    u32 matrix, row, wire;
    static KeyCoefficient load(const u8* bytes, Fr& factor) {
        KeyCoefficient c{};
        std::memcpy(&c, bytes, 12);
        factor = Fr::load(bytes + 12);
        return c;
    }
};

class ProvingKey {
  public:
    explicit ProvingKey(const std::string& path);

    u32 wires, publics, power;  // the domain has 2^power rows
    VerifyingKey verifying;
    G1 beta1, delta1;
    const u8 *a, *b1, *b2, *c, *h, *coefficients;
    u64 coefficient_count;

  private:
    BinFile bin_;
};

template <class Visit>
void R1cs::each_term(const Visit& visit) const {
    Cursor cursor = bin_.section(2);
    for (u32 constraint = 0; constraint < constraints; ++constraint)
        for (int matrix = 0; matrix < 3; ++matrix)
            for (u32 left = cursor.number32(); left > 0; --left) {
                const u32 wire = cursor.number32();
                const u8* coefficient = cursor.take(32);
                if (wire >= wires)
                    throw Failure(EXIT_BAD_FILE, cursor.what() + " names a wire that does not exist");
                if (!Fr::load(coefficient).is_canonical())
                    throw Failure(EXIT_BAD_FILE,
                                  cursor.what() + " holds a coefficient above the field order");
                visit(matrix, Term{constraint, wire, coefficient});
            }
    cursor.expect_end();
}

}  // namespace groth16
