// SPDX-License-Identifier: Apache-2.0
// Computes a circuit's witness: node witness.cjs CIRCUIT.wasm INPUT.json OUT.wtns
//
// Speaks the interface of the module that circom 2 writes, and loads nothing else, so it starts at once.
// Exit status: 0 done, 3 the circuit refuses the inputs, 2 the inputs do not fit the circuit, 1 the machine:
// no memory, no disk, no such file.
// Messages name signals, templates and lines, never values.
"use strict";

const fs = require("fs");

const MACHINE = 1;
const REFUSED = 3;
const UNFIT = 2;
const ASSERTION_FAILED = 4;

function stop(status, message) {
  process.stderr.write(message + "\n");
  process.exit(status);
}

// FNV-1a of 64 bits, which circom uses to name input signals.
function signalHash(name) {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(name)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return [Number(hash >> 32n), Number(hash & 0xffffffffn)];
}

function load(path) {
  let trace = "";
  let exports = null;
  const line = () => {
    let text = "";
    for (let code = exports.getMessageChar(); code !== 0; code = exports.getMessageChar()) {
      text += String.fromCharCode(code);
    }
    return text;
  };
  const runtime = {
    exceptionHandler: (code) => {
      if (code === ASSERTION_FAILED) {
        stop(REFUSED, trace.trim().split("\n").slice(0, 1).join(""));
      }
      stop(UNFIT, `the circuit's witness module stopped with code ${code}`);
    },
    printErrorMessage: () => { trace += line() + "\n"; },
    writeBufferMessage: line,
    showSharedRWMemory: () => {},
  };
  const module = new WebAssembly.Module(fs.readFileSync(path));
  exports = new WebAssembly.Instance(module, { runtime }).exports;
  return exports;
}

function readWords(circuit, words, position) {
  for (let j = 0; j < circuit.getFieldNumLen32(); j++) {
    words[position + j] = circuit.readSharedRWMemory(j);
  }
}

function modulus(circuit) {
  const words = new Uint32Array(circuit.getFieldNumLen32());
  circuit.getRawPrime();
  readWords(circuit, words, 0);
  return words.reduceRight((value, word) => (value << 32n) | BigInt(word), 0n);
}

function setInputs(circuit, inputs) {
  const prime = modulus(circuit);
  const size = circuit.getFieldNumLen32();
  let given = 0;
  for (const [name, nested] of Object.entries(inputs)) {
    const [high, low] = signalHash(name);
    const values = [nested].flat(Infinity);
    if (circuit.getInputSignalSize(high, low) !== values.length) {
      stop(UNFIT, `input signal ${name} is unknown to the circuit or has another size`);
    }
    values.forEach((text, index) => {
      let value = BigInt(text) % prime;
      if (value < 0n) value += prime;
      for (let j = 0; j < size; j++) {
        circuit.writeSharedRWMemory(j, Number(value & 0xffffffffn));
        value >>= 32n;
      }
      circuit.setInputSignal(high, low, index);
      given++;
    });
  }
  if (given !== circuit.getInputSize()) stop(UNFIT, "not all input signals were given");
}

// The .wtns format: magic, version 2, a header section (field size, prime, count), a section of values.
function witnessFile(circuit) {
  const size = circuit.getFieldNumLen32();
  const count = circuit.getWitnessSize();
  const words = new Uint32Array(11 + size + count * size);
  words.set([Buffer.from("wtns").readUInt32LE(0), 2, 2, 1, 8 + 4 * size, 0, 4 * size]);
  circuit.getRawPrime();
  readWords(circuit, words, 7);
  words.set([count, 2, 4 * size * count, 0], 7 + size);
  for (let i = 0; i < count; i++) {
    circuit.getWitness(i);
    readWords(circuit, words, 11 + size + i * size);
  }
  return Buffer.from(words.buffer);
}

function main() {
  const [wasm, input, output] = process.argv.slice(2);
  if (!output) stop(UNFIT, "usage: node witness.cjs CIRCUIT.wasm INPUT.json OUT.wtns");
  const circuit = load(wasm);
  circuit.init(1);
  setInputs(circuit, JSON.parse(fs.readFileSync(input, "utf8")));
  fs.writeFileSync(output, witnessFile(circuit), { mode: 0o600 });
}

try {
  main();
} catch (error) {
  // An error's own words may quote what it was about: its kind is all that is told.
  const cause = error instanceof RangeError ? "out of memory?" : error.code;
  stop(MACHINE, `the witness program failed (${error.name}${cause ? ": " + cause : ""})`);
}
