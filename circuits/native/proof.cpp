// SPDX-License-Identifier: Apache-2.0
#include "proof.hpp"

#include "json.hpp"
#include "pairing.hpp"

namespace groth16 {
namespace {

// A JSON array of ready-made elements, indented by one space a level.
std::string array(const std::vector<std::string>& elements, int depth) {
    if (elements.empty()) return "[]";
    const std::string indent(depth + 1, ' ');
    std::string out = "[\n";
    for (std::size_t i = 0; i < elements.size(); ++i)
        out += indent + elements[i] + (i + 1 < elements.size() ? ",\n" : "\n");
    return out + std::string(depth, ' ') + "]";
}
std::string quoted(const U256& v) { return "\"" + to_decimal(v) + "\""; }
std::string quoted(const Fq& v) { return quoted(v.to_integer()); }

// Infinity is (0 : 1 : 0).
std::string point(const G1& p) {
    if (p.is_infinity()) return array({quoted(Fq::zero()), quoted(Fq::one()), quoted(Fq::zero())}, 1);
    return array({quoted(p.x), quoted(p.y), quoted(Fq::one())}, 1);
}
std::string point(const G2& p) {
    const auto pair = [](const Fq2& v) { return array({quoted(v.a), quoted(v.b)}, 2); };
    if (p.is_infinity()) return array({pair(Fq2::zero()), pair(Fq2::one()), pair(Fq2::zero())}, 1);
    return array({pair(p.x), pair(p.y), pair(Fq2::one())}, 1);
}

}  // namespace

std::string Proof::to_json() const {
    return "{\n \"pi_a\": " + point(a) + ",\n \"pi_b\": " + point(b) + ",\n \"pi_c\": " + point(c) +
           ",\n \"protocol\": \"groth16\",\n \"curve\": \"bn128\"\n}";
}

std::string publics_to_json(const std::vector<U256>& publics) {
    std::vector<std::string> values;
    for (const U256& v : publics) values.push_back(quoted(v));
    return array(values, 0);
}

bool is_valid(const VerifyingKey& key, const std::vector<U256>& publics, const Proof& proof) {
    G1Sum inputs = G1Sum::of(key.ic[0]);
    for (std::size_t i = 0; i < publics.size(); ++i)
        inputs = inputs + G1Sum::of(key.ic[i + 1]).times(publics[i]);
    return pairing::product_is_one(
        {{-proof.a, proof.b}, {key.alpha, key.beta}, {inputs.to_affine(), key.gamma}, {proof.c, key.delta}});
}

}  // namespace groth16
