// How many tokens texts have in two vocabularies of OpenAI's models, by gpt-tokenizer.
//
//   node token_count.mjs
//
// Reads a JSON list of texts from standard input, and prints a JSON list of {"o200k_base": n, "cl100k_base": n}.

import { readFileSync } from "node:fs";
import { countTokens as countCl100k } from "gpt-tokenizer/encoding/cl100k_base";
import { countTokens as countO200k } from "gpt-tokenizer/encoding/o200k_base";

const asText = { disallowedSpecial: new Set() }; // "<|endoftext|>" in a memory is text, as servers of models read it
const texts = JSON.parse(readFileSync(0, "utf8"));
const counts = texts.map((text) => ({
  o200k_base: countO200k(text, asText),
  cl100k_base: countCl100k(text, asText),
}));
console.log(JSON.stringify(counts));
