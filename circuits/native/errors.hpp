// SPDX-License-Identifier: Apache-2.0
// Everything that ends the program early, and the exit code that it ends with.
#pragma once
#include <stdexcept>
#include <string>

namespace groth16 {

enum Exit : int {
    EXIT_DONE = 0,
    EXIT_MACHINE =
        1,  // out of memory, cannot write, no random numbers, processor without the instructions built for
    EXIT_USAGE = 2,  // wrong command line
    EXIT_BAD_FILE =
        3,  // an input file cannot be read, is damaged, of another kind or another field, or unsafe
    EXIT_MISMATCH = 4,     // two sound files do not belong together
    EXIT_UNSATISFIED = 5,  // the witness does not satisfy the circuit
    EXIT_INVALID = 6,      // the proof is not valid for these public inputs
};

class Failure : public std::runtime_error {
  public:
    Failure(Exit exit_code, const std::string& message) : std::runtime_error(message), code(exit_code) {}
    const Exit code;
};

}  // namespace groth16
