// SPDX-License-Identifier: Apache-2.0
// The JSON that snarkjs writes and reads: strings, numbers taken as text, arrays, objects.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "errors.hpp"
#include "field.hpp"

namespace groth16 {

std::string to_decimal(const U256& v);

class Json {
  public:
    // Reads a whole file; every error is a bad file that names it.
    static Json read(const std::string& path);

    const Json& operator[](const std::string& key) const;
    const Json& operator[](std::size_t index) const;
    std::size_t size() const { return items_.size(); }
    bool has(const std::string& key) const { return members_.count(key) != 0; }
    const std::string& text() const;
    // A decimal integer below 2^256; `what` names it in errors.
    U256 integer(const std::string& what) const;
    [[noreturn]] void fail(const std::string& problem) const;

  private:
    enum Kind { TEXT, ARRAY, OBJECT };
    friend class JsonParser;

    Kind kind_ = TEXT;
    std::string path_, text_;
    std::vector<Json> items_;
    std::map<std::string, Json> members_;
};

}  // namespace groth16
