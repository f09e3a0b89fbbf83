// SPDX-License-Identifier: Apache-2.0
#include "binfile.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace groth16 {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "files are read as they lie in memory: little-endian machines only");

MappedFile::MappedFile(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) throw Failure(EXIT_BAD_FILE, path + ": cannot be opened: " + std::strerror(errno));
    struct stat status{};
    const bool regular = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    if (regular && status.st_size > 0) {
        void* p = mmap(nullptr, (std::size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p != MAP_FAILED) {
            data_ = static_cast<const u8*>(p);
            size_ = (u64)status.st_size;
        }
    }
    close(fd);
    if (!regular) throw Failure(EXIT_BAD_FILE, path + ": not a regular file");
    if (status.st_size == 0) throw Failure(EXIT_BAD_FILE, path + ": the file is empty");
    if (!data_) throw Failure(EXIT_MACHINE, path + ": cannot be mapped into memory");
}

MappedFile::~MappedFile() {
    if (data_) munmap(const_cast<u8*>(data_), size_);
}

BinFile::BinFile(const std::string& path, const char (&kind)[5], u32 version) : path_(path), file_(path) {
    Cursor cursor(file_.data(), file_.size(), path);
    if (std::memcmp(cursor.take(4), kind, 4) != 0)
        throw Failure(EXIT_BAD_FILE, path + ": not a ." + kind + " file");
    if (const u32 found = cursor.number32(); found == 0 || found > version)
        throw Failure(EXIT_BAD_FILE,
                      path + ": ." + kind + " version " + std::to_string(found) + " is not supported");
    const u32 count = cursor.number32();
    for (u32 i = 0; i < count; ++i) {
        const u32 type = cursor.number32();
        const u64 size = cursor.number64();
        if (!sections_.insert({type, {cursor.take(size), size}}).second)
            throw Failure(EXIT_BAD_FILE, path + ": section " + std::to_string(type) + " occurs twice");
    }
    cursor.expect_end();
}

Cursor BinFile::section(u32 section) const {
    const auto found = sections_.find(section);
    const std::string what = path_ + ": section " + std::to_string(section);
    if (found == sections_.end()) throw Failure(EXIT_BAD_FILE, what + " is missing");
    return Cursor(found->second.data, found->second.size, what);
}

const u8* BinFile::section(u32 section, u64 size) const {
    Cursor cursor = this->section(section);
    const u8* data = cursor.take(size);
    cursor.expect_end();
    return data;
}

OutputFile::OutputFile(const std::string& path)
    : path_(path), temporary_(path + ".part" + std::to_string(getpid())) {
    fd_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd_ < 0) fail("created");
}

OutputFile::~OutputFile() {
    if (fd_ < 0) return;
    close(fd_);
    unlink(temporary_.c_str());
}

void OutputFile::fail(const std::string& doing) const {
    throw Failure(EXIT_MACHINE, path_ + ": cannot be " + doing + ": " + std::strerror(errno));
}

void OutputFile::write(const void* data, std::size_t size) {
    for (const char* p = static_cast<const char*>(data); size > 0;) {
        const ssize_t n = ::write(fd_, p, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail("written");
        p += n;
        size -= (std::size_t)n;
    }
}

void OutputFile::begin_bin(const char (&kind)[5], u32 version, u32 sections) {
    write(kind, 4);
    number32(version);
    number32(sections);
}

void OutputFile::section(u32 type, const std::vector<u8>& bytes) {
    number32(type);
    number64(bytes.size());
    write(bytes.data(), bytes.size());
}

void OutputFile::finish() {
    if (close(fd_) != 0) {
        fd_ = -1;
        unlink(temporary_.c_str());
        fail("written");
    }
    fd_ = -1;
    if (rename(temporary_.c_str(), path_.c_str()) != 0) {
        const int reason = errno;
        unlink(temporary_.c_str());
        errno = reason;
        fail("put in place");
    }
}

}  // namespace groth16
