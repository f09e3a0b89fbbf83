// SPDX-License-Identifier: Apache-2.0
// The container that iden3's tools share: four letters, version, number of sections, then (type, size, bytes)
// of each.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "errors.hpp"
#include "field.hpp"

namespace groth16 {

// Bytes that are read from front to back; running over the end is a bad file, never a crash.
class Cursor {
  public:
    Cursor(const u8* data, u64 size, std::string what) : at_(data), left_(size), what_(std::move(what)) {}

    const u8* take(u64 n) {
        if (n > left_)
            throw Failure(EXIT_BAD_FILE, what_ + " ends too early: the file is truncated or damaged");
        const u8* p = at_;
        at_ += n;
        left_ -= n;
        return p;
    }
    u32 number32() {
        u32 v;
        std::memcpy(&v, take(4), 4);
        return v;
    }
    u64 number64() {
        u64 v;
        std::memcpy(&v, take(8), 8);
        return v;
    }
    // A field's element size and modulus, as every header states them.
    void expect_modulus(const U256& modulus) {
        if (number32() != 32 || !(U256::load(take(32)) == modulus))
            throw Failure(EXIT_BAD_FILE, what_ + " names another field than BN254's");
    }
    void expect_end() const {
        if (left_) throw Failure(EXIT_BAD_FILE, what_ + " has " + std::to_string(left_) + " bytes too many");
    }
    u64 left() const { return left_; }
    const std::string& what() const { return what_; }

  private:
    const u8* at_;
    u64 left_;
    std::string what_;
};

// A file mapped into memory, read-only.
class MappedFile {
  public:
    explicit MappedFile(const std::string& path);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    const u8* data() const { return data_; }
    u64 size() const { return size_; }

  private:
    const u8* data_ = nullptr;
    u64 size_ = 0;
};

class BinFile {
  public:
    BinFile(const std::string& path, const char (&kind)[5], u32 version);

    bool has(u32 section) const { return sections_.count(section) != 0; }
    Cursor section(u32 section) const;
    // The section's bytes, which must be exactly `size`.
    const u8* section(u32 section, u64 size) const;
    const MappedFile& file() const { return file_; }
    const std::string& path() const { return path_; }

  private:
    struct Span {
        const u8* data;
        u64 size;
    };
    std::string path_;
    MappedFile file_;
    std::map<u32, Span> sections_;
};

// Writes beside `path` and takes its name at the end, so that nobody ever finds half a file there.
class OutputFile {
  public:
    explicit OutputFile(const std::string& path);
    ~OutputFile();
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    void write(const void* data, std::size_t size);
    void number32(u32 v) { write(&v, 4); }
    void number64(u64 v) { write(&v, 8); }
    void begin_bin(const char (&kind)[5], u32 version, u32 sections);
    void section(u32 type, const std::vector<u8>& bytes);
    void finish();

  private:
    [[noreturn]] void fail(const std::string& doing) const;
    std::string path_, temporary_;
    int fd_ = -1;
};

}  // namespace groth16
