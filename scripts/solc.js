#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The npm build of the Solidity compiler behind the command line that py-solc-x, ape and forge expect of a
// native solc: `--version`, and `--standard-json` on stdin with base path, include paths and the file system
// for imports. Installed by scripts/solc.py as a link named like a native binary.
"use strict";

const fs = require("fs");
const path = require("path");

// The commit is pinned with the npm version: asking the WASM for it would cost half a second a call.
const VERSION = "0.8.30+commit.73712a01";

const args = process.argv.slice(2);

function valuesOf(name) {
  const values = [];
  args.forEach((arg, i) => {
    if (arg === name && i + 1 < args.length) values.push(args[i + 1]);
    else if (arg.startsWith(name + "=")) values.push(arg.slice(name.length + 1));
  });
  return values;
}

function main() {
  if (args.includes("--version")) {
    process.stdout.write(
      `solc, the solidity compiler commandline interface\nVersion: ${VERSION}.Emscripten.clang\n`,
    );
    return 0;
  }
  if (!args.includes("--standard-json")) {
    process.stderr.write("this solc only reads --standard-json input (and answers --version)\n");
    return 1;
  }
  const roots = [...valuesOf("--base-path"), ...valuesOf("--include-path"), process.cwd()];
  const findImport = (name) => {
    for (const candidate of path.isAbsolute(name) ? [name] : roots.map((root) => path.join(root, name))) {
      if (fs.existsSync(candidate)) return { contents: fs.readFileSync(candidate, "utf8") };
    }
    return { error: `file not found: ${name} (looked in ${roots.join(", ")})` };
  };
  const last = args[args.length - 1];
  const file = args.length > 1 && last.endsWith(".json") && fs.existsSync(last) ? last : 0;
  const solc = require("solc");
  if (!solc.version().startsWith(VERSION)) {
    process.stderr.write(`node_modules holds solc ${solc.version()}, ${VERSION} is wanted: run npm ci\n`);
    return 1;
  }
  process.stdout.write(solc.compile(fs.readFileSync(file, "utf8"), { import: findImport }));
  return 0;
}

process.exitCode = main();
