// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <new>
#include <string>
#include <vector>

#include "commands.hpp"
#include "errors.hpp"

namespace {

using namespace groth16;

const char USAGE[] =
    "groth16: set-up, prover and verifier for Groth16 over BN254, with the files of circom and snarkjs\n"
    "\n"
    "  groth16 setup CIRCUIT.r1cs OUT.zkey --seed TEXT       INSECURE development key, the same for the same "
    "seed and circuit\n"
    "  groth16 prove KEY.zkey WITNESS.wtns PROOF.json PUBLIC.json\n"
    "  groth16 verify VERIFICATION_KEY.json PROOF.json PUBLIC.json\n"
    "  groth16 check CIRCUIT.r1cs WITNESS.wtns               names the first constraint that the witness "
    "fails\n"
    "\n"
    "Exit codes: 0 done, or the proof is valid; 1 the machine (memory, disk, processor); 2 wrong command "
    "line;\n"
    "3 a file cannot be read, is damaged or unsafe; 4 files that do not belong together;\n"
    "5 the witness does not satisfy the circuit; 6 the proof is not valid.\n";

const char INSECURE[] =
    "**********************************************************************************************\n"
    "INSECURE development set-up: everybody who knows the seed can forge proofs under this key.\n"
    "Use it for tests and local networks only; a real key comes from a ceremony of several parties.\n"
    "**********************************************************************************************\n";

void require_processor() {
#if defined(__ADX__) && defined(__BMI2__)
    if (!__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("adx"))
        throw Failure(EXIT_MACHINE,
                      "this binary was built for another processor; build it again on this machine: make -B");
#endif
}

void run(const std::vector<std::string>& args) {
    require_processor();
    const std::string command = args.empty() ? "" : args[0];
    if (command == "setup" && args.size() == 5 && args[3] == "--seed") {
        std::fputs(INSECURE, stderr);
        setup(args[1], args[2], args[4]);
    } else if (command == "prove" && args.size() == 5) {
        prove(args[1], args[2], args[3], args[4]);
    } else if (command == "verify" && args.size() == 4) {
        verify(args[1], args[2], args[3]);
        std::puts("the proof is valid");
    } else if (command == "check" && args.size() == 3) {
        check(args[1], args[2]);
        std::puts("the witness satisfies the circuit");
    } else if (command == "--help" || command == "help") {
        std::fputs(USAGE, stdout);
    } else {
        throw Failure(EXIT_USAGE, std::string("wrong command line\n\n") + USAGE);
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        run(std::vector<std::string>(argv + 1, argv + argc));
        return EXIT_DONE;
    } catch (const Failure& failure) {
        std::fprintf(stderr, "groth16: %s\n", failure.what());
        return failure.code;
    } catch (const std::bad_alloc&) {
        std::fputs("groth16: not enough memory\n", stderr);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "groth16: %s\n", error.what());
    }
    return EXIT_MACHINE;
}
