// SPDX-License-Identifier: Apache-2.0
#include "json.hpp"

#include <algorithm>

#include "binfile.hpp"

namespace groth16 {

std::string to_decimal(const U256& v) {
    std::string digits;
    for (U256 left = v; !left.is_zero();) {
        u64 rest = 0;
        for (int i = 3; i >= 0; --i) {
            const u128 current = (u128)rest << 64 | left.l[i];
            left.l[i] = (u64)(current / 10);
            rest = (u64)(current % 10);
        }
        digits.push_back((char)('0' + rest));
    }
    std::reverse(digits.begin(), digits.end());
    return digits.empty() ? "0" : digits;
}

class JsonParser {
  public:
    JsonParser(const std::string& path, const char* at, const char* end) : path_(path), at_(at), end_(end) {}

    Json whole() {
        Json value = parse(0);
        skip_space();
        if (at_ != end_) fail("there is text after the end of the document");
        return value;
    }

  private:
    static constexpr int DEEPEST = 16;

    const std::string& path_;
    const char *at_, *end_;

    [[noreturn]] void fail(const std::string& problem) const {
        throw Failure(EXIT_BAD_FILE, path_ + ": not the JSON expected: " + problem);
    }
    void skip_space() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
    }
    char peek() {
        skip_space();
        if (at_ == end_) fail("it ends too early");
        return *at_;
    }
    bool take(char c) {
        if (peek() != c) return false;
        ++at_;
        return true;
    }
    void expect(char c) {
        if (!take(c)) fail(std::string("'") + c + "' is missing");
    }
    std::string string() {
        expect('"');
        const char* start = at_;
        while (at_ != end_ && *at_ != '"') {
            if (*at_ == '\\') fail("escapes do not occur in proofs and keys");
            ++at_;
        }
        if (at_ == end_) fail("a string does not end");
        return std::string(start, at_++);
    }
    Json parse(int depth) {
        if (depth > DEEPEST) fail("it is nested too deeply");
        Json value;
        value.path_ = path_;
        const char c = peek();
        if (c == '{') {
            value.kind_ = Json::OBJECT;
            ++at_;
            if (take('}')) return value;
            do {
                std::string key = (peek(), string());
                expect(':');
                if (!value.members_.insert({key, parse(depth + 1)}).second)
                    fail("the key " + key + " occurs twice");
            } while (take(','));
            expect('}');
        } else if (c == '[') {
            value.kind_ = Json::ARRAY;
            ++at_;
            if (take(']')) return value;
            do value.items_.push_back(parse(depth + 1));
            while (take(','));
            expect(']');
        } else if (c == '"') {
            value.text_ = string();
        } else {
            const char* start = at_;
            while (at_ != end_ && ((*at_ >= '0' && *at_ <= '9') || *at_ == '-' || *at_ == '.' ||
                                   (*at_ >= 'a' && *at_ <= 'z')))
                ++at_;
            if (at_ == start) fail("a value is missing");
            value.text_ = std::string(start, at_);
        }
        return value;
    }
};

Json Json::read(const std::string& path) {
    const MappedFile file(path);
    const char* text = reinterpret_cast<const char*>(file.data());
    return JsonParser(path, text, text + file.size()).whole();
}

void Json::fail(const std::string& problem) const { throw Failure(EXIT_BAD_FILE, path_ + ": " + problem); }

const Json& Json::operator[](const std::string& key) const {
    const auto found = members_.find(key);
    if (found == members_.end()) fail("\"" + key + "\" is missing");
    return found->second;
}

const Json& Json::operator[](std::size_t index) const {
    if (kind_ != ARRAY || index >= items_.size()) fail("an array is missing or too short");
    return items_[index];
}

const std::string& Json::text() const {
    if (kind_ != TEXT) fail("an array or object stands where a value is expected");
    return text_;
}

U256 Json::integer(const std::string& what) const {
    const std::string& digits = text();
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos)
        fail(what + " is not a decimal integer");
    U256 v;
    for (char digit : digits) {
        u128 carry = (u128)(digit - '0');
        for (u64& limb : v.l) {
            carry += (u128)limb * 10;
            limb = (u64)carry;
            carry >>= 64;
        }
        if (carry) fail(what + " has more than 256 bits");
    }
    return v;
}

}  // namespace groth16
