// SPDX-License-Identifier: Apache-2.0
// Arithmetic in the group of the commitments, command by command from standard input: scalars may be secret.
#include <cstdio>
#include <iostream>
#include <new>
#include <string>

#include "../errors.hpp"
#include "edwards.hpp"

namespace {

using namespace group;
using groth16::Failure;
using groth16::u8;

const char USAGE[] =
    "group: sums of multiples of points of Baby Jubjub, and points from their encodings\n"
    "\n"
    "Reads commands from standard input, one a line, and answers table with nothing, the others with one line:\n"
    "  table X Y X Y …           the points that combine takes, in place of those before\n"
    "  combine SCALAR SCALAR …   one scalar below 2^256 for each point: X Y of the sum\n"
    "  decode POINT POINT …      X Y of each, or `refused I` for the first that is no point of the prime subgroup\n"
    "A number is 64 lower-case hexadecimal digits, little-endian bytes; there is no space between numbers.\n"
    "\n"
    "Exit codes: 0 done; 1 the machine; 2 wrong command line; 3 a line that is none of these.\n";

constexpr std::size_t DIGITS = 64;

[[noreturn]] void malformed(const char* what) { throw Failure(groth16::EXIT_BAD_FILE, what); }

unsigned digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    malformed("not a lower-case hexadecimal digit");
}

std::vector<U256> numbers(const std::string& line, std::size_t start) {
    if ((line.size() - start) % DIGITS) malformed("a number is cut off");
    std::vector<U256> found;
    for (std::size_t at = start; at < line.size(); at += DIGITS) {
        u8 bytes[DIGITS / 2];
        for (std::size_t i = 0; i < sizeof bytes; ++i)
            bytes[i] = (u8)(digit(line[at + 2 * i]) << 4 | digit(line[at + 2 * i + 1]));
        found.push_back(U256::load(bytes));
    }
    return found;
}

void put(const Fr& value) {
    u8 bytes[DIGITS / 2];
    value.to_integer().store(bytes);
    for (u8 byte : bytes) std::printf("%02x", byte);
}

void put(const Point& point) {
    const Fr scale = point.z.inverse();
    put(point.x * scale);
    put(point.y * scale);
}

Table table_of(const std::vector<U256>& coordinates) {
    if (coordinates.size() % 2) malformed("a point lacks a coordinate");
    Table table;
    for (std::size_t i = 0; i < coordinates.size(); i += 2) {
        if (!(coordinates[i] < Fr::modulus() && coordinates[i + 1] < Fr::modulus()))
            malformed("a coordinate is not below the field's order");
        const Fr x = Fr::from(coordinates[i]), y = Fr::from(coordinates[i + 1]);
        if (!on_curve(x, y)) malformed("a point is not on the curve");
        table.add({x, y, Fr::one()});
    }
    return table;
}

// circomlib's packed form: y, with the top bit set where x > (p - 1)/2.
bool decode(U256 word, Point& point) {
    const bool sign = word.bit(255);
    word.l[3] &= ~(u64)0 >> 1;
    if (!(word < Fr::modulus())) return false;
    const Fr y = Fr::from(word), y2 = y.square();
    Fr x;
    if (!square_root((Fr::one() - y2) * (A - D * y2).inverse(), x)) return false;
    if (sign && x.is_zero()) return false;
    const bool larger = (-x).to_integer() < x.to_integer();
    point = {larger == sign ? x : -x, y, Fr::one()};
    return point.in_subgroup();
}

void decode_all(const std::vector<U256>& words) {
    std::vector<Point> points(words.size());
    for (std::size_t i = 0; i < words.size(); ++i)
        if (!decode(words[i], points[i])) {
            std::printf("refused %zu\n", i);
            return;
        }
    for (const Point& point : points) put(point);
    std::puts("");
}

bool starts(const std::string& line, const std::string& command) {
    return line.compare(0, command.size(), command) == 0;
}

void run() {
    const std::string TABLE = "table ", COMBINE = "combine ", DECODE = "decode ";
    Table table;
    for (std::string line; std::getline(std::cin, line);) {
        if (starts(line, TABLE)) {
            table = table_of(numbers(line, TABLE.size()));
        } else if (starts(line, COMBINE)) {
            const std::vector<U256> scalars = numbers(line, COMBINE.size());
            if (scalars.size() != table.size()) malformed("combine takes one scalar for each point of the table");
            put(table.combine(scalars));
            std::puts("");
        } else if (starts(line, DECODE)) {
            decode_all(numbers(line, DECODE.size()));
        } else {
            malformed("not a command");
        }
    }
}

void require_processor() {
#if defined(__ADX__) && defined(__BMI2__)
    if (!__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("adx"))
        throw Failure(groth16::EXIT_MACHINE,
                      "this binary was built for another processor; build it again on this machine: make -B");
#endif
}

}  // namespace

int main(int argc, char**) {
    if (argc > 1) {
        std::fputs(USAGE, stderr);
        return groth16::EXIT_USAGE;
    }
    try {
        require_processor();
        std::ios::sync_with_stdio(false);
        run();
        if (std::fflush(stdout)) throw Failure(groth16::EXIT_MACHINE, "the answer cannot be written");
        return groth16::EXIT_DONE;
    } catch (const Failure& failure) {
        std::fprintf(stderr, "group: %s\n", failure.what());
        return failure.code;
    } catch (const std::bad_alloc&) {
        std::fputs("group: not enough memory\n", stderr);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "group: %s\n", error.what());
    }
    return groth16::EXIT_MACHINE;
}
