// SPDX-License-Identifier: Apache-2.0
// Checks a proof against verification_key.json, stricter than snarkjs: G2 points must be in the subgroup, as
// on chain.
#include "commands.hpp"
#include "json.hpp"
#include "proof.hpp"

namespace groth16 {
namespace {

Fq coordinate(const Json& json, const std::string& what) {
    const U256 v = json.integer(what);
    if (!(v < Fq::modulus())) json.fail(what + " is not below the field order");
    return Fq::from(v);
}
Fq2 coordinate2(const Json& json, const std::string& what) {
    if (json.size() != 2) json.fail(what + " has a coordinate that is not a pair");
    return {coordinate(json[0], what), coordinate(json[1], what)};
}

// (x : y : z) with z = 1, or z = 0 for infinity.
G1 read_g1(const Json& json, const std::string& what) {
    if (json.size() != 3) json.fail(what + " is not a point of three coordinates");
    const Fq x = coordinate(json[0], what), y = coordinate(json[1], what), z = coordinate(json[2], what);
    if (z.is_zero()) return {};
    if (z != Fq::one()) json.fail(what + " is not normalised: its third coordinate must be 1");
    if (!on_curve(G1{x, y})) json.fail(what + " is not on the curve");
    return {x, y};
}
G2 read_g2(const Json& json, const std::string& what) {
    if (json.size() != 3) json.fail(what + " is not a point of three coordinates");
    const Fq2 x = coordinate2(json[0], what), y = coordinate2(json[1], what), z = coordinate2(json[2], what);
    if (z.is_zero()) return {};
    if (z != Fq2::one()) json.fail(what + " is not normalised: its third coordinate must be 1");
    if (!in_group(G2{x, y})) json.fail(what + " is not on the curve or not in its subgroup");
    return {x, y};
}

void expect_groth16(const Json& json) {
    if (json["protocol"].text() != "groth16") json.fail("the protocol is not groth16");
    const std::string& curve = json["curve"].text();
    if (curve != "bn128" && curve != "bn254") json.fail("the curve is not bn128");
}

VerifyingKey read_key(const std::string& path) {
    const Json json = Json::read(path);
    expect_groth16(json);
    VerifyingKey key{read_g1(json["vk_alpha_1"], "vk_alpha_1"),
                     read_g2(json["vk_beta_2"], "vk_beta_2"),
                     read_g2(json["vk_gamma_2"], "vk_gamma_2"),
                     read_g2(json["vk_delta_2"], "vk_delta_2"),
                     {}};
    for (std::size_t i = 0; i < json["IC"].size(); ++i)
        key.ic.push_back(read_g1(json["IC"][i], "IC[" + std::to_string(i) + "]"));
    if (key.ic.empty()) json.fail("IC is empty");
    key.check(path);
    return key;
}

}  // namespace

void verify(const std::string& key_path, const std::string& proof_path, const std::string& public_path) {
    const VerifyingKey key = read_key(key_path);
    const Json publics = Json::read(public_path);
    if (publics.size() + 1 != key.ic.size())
        throw Failure(EXIT_MISMATCH, public_path + " holds " + std::to_string(publics.size()) +
                                         " public inputs, the key " + key_path + " takes " +
                                         std::to_string(key.ic.size() - 1));
    std::vector<U256> inputs;
    for (std::size_t i = 0; i < publics.size(); ++i) {
        const std::string what = "public input " + std::to_string(i);
        inputs.push_back(publics[i].integer(what));
        if (!(inputs.back() < Fr::modulus()))
            throw Failure(EXIT_INVALID, public_path + ": " + what + " is not below the field order");
    }
    const Json json = Json::read(proof_path);
    expect_groth16(json);
    Proof proof;
    try {
        proof = {read_g1(json["pi_a"], "pi_a"), read_g2(json["pi_b"], "pi_b"), read_g1(json["pi_c"], "pi_c")};
    } catch (const Failure& failure) {
        throw Failure(EXIT_INVALID, failure.what());
    }
    if (!is_valid(key, inputs, proof))
        throw Failure(EXIT_INVALID, proof_path + ": the proof is not valid for these public inputs");
}

}  // namespace groth16
