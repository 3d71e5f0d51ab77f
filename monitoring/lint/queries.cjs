// Parses every code block marked `logql` or `traceql` of the Markdown files given, one query a line, with Grafana's own
// grammars. They are looked for in the folder of `make tools`.
const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");

const tools = process.env.CHAMPION_TOOLS || path.join(process.env.HOME, ".cache/champion/tools");
const load = createRequire(path.join(tools, "package.json"));
const parsers = {
  logql: load("@grafana/lezer-logql").parser,
  traceql: load("@grafana/lezer-traceql").parser,
};

let [queries, wrong] = [0, 0];
for (const file of process.argv.slice(2)) {
  let language;
  fs.readFileSync(file, "utf8").split("\n").forEach((line, index) => {
    if (line.startsWith("```")) {
      language = line.slice(3).trim();
    } else if (language in parsers && line.trim() && !line.startsWith("#")) {
      queries += 1;
      parsers[language].parse(line).iterate({
        enter(node) {
          if (node.type.isError) {
            wrong += 1;
            console.error(`${file}:${index + 1}:${node.from + 1}: not ${language}: ${line}`);
            return false;
          }
        },
      });
    }
  });
}
if (queries === 0) {
  console.error(`${process.argv.slice(2)}: no query found`);
}
process.exit(wrong > 0 || queries === 0 ? 1 : 0);
