// node kernel.mjs JOB.json: run notebooks in the site's own Python, with the kernel package of JupyterLite, under Node.
//
// JOB: {dist: folder with pyodide.mjs, drive: folder shown to Python as /drive, out: folder for the executed notebooks,
//       packages: [names to load at the start], notebooks: [{number, path, folder, environment}]}
// `folder` is the working folder of a notebook, below /drive. A notebook that was run lies in `out` under its number.
// Nothing but this machine can be reached: fetch refuses any other address.
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const dist = resolve(job.dist) + "/";

const reach = globalThis.fetch;
globalThis.fetch = (target, ...rest) => {
  const address = String(target?.url ?? target);
  if (!/^(file:|http:\/\/(127\.0\.0\.1|localhost)[:/])/.test(address)) throw new Error("outside: " + address);
  return reach(target, ...rest);
};

// As the kernel's worker does it: Python's dicts become plain objects.
const plain = (value) => (value?.toJs ? value.toJs({ dict_converter: Object.fromEntries }) : value);
const now = () => performance.now() / 1000;

async function startKernel() {
  const { loadPyodide } = await import(pathToFileURL(dist + "pyodide.mjs").href);
  const python = await loadPyodide({
    indexURL: dist, packages: job.packages, env: { HOME: "/home/pyodide" }, stdout: () => {}, stderr: () => {},
  });
  python.FS.mkdirTree("/drive");
  python.FS.mount(python.FS.filesystems.NODEFS, { root: resolve(job.drive) }, "/drive");
  await python.runPythonAsync("import pyodide_kernel");
  const module = python.globals.get("pyodide_kernel");
  const kernel = module.kernel_instance;
  kernel.interpreter.send_comm = async () => {};
  kernel._parent_header = python.toPy({ header: { msg_id: "test" } });
  return { python, module, kernel };
}

// A kernel of its own for each notebook would cost seconds: names and our package are thrown away instead.
const FRESH = `
import os, sys
from IPython import get_ipython
get_ipython().reset()
get_ipython().execution_count = 1
for _name in [n for n in sys.modules if n.split(".")[0] == "cai_helpers"]:
    del sys.modules[_name]
os.chdir(_cai_folder)
for _name in [n for n in os.environ if n.startswith("CAI_")]:
    del os.environ[_name]
os.environ.update(_cai_environment)
`;

async function runCell({ module, kernel }, code) {
  const outputs = [];
  const stream = (name, text) => outputs.push({ output_type: "stream", name: plain(name), text: plain(text) });
  const shown = (kind) => (data, metadata) =>
    outputs.push({ output_type: kind, data: plain(data), metadata: plain(metadata) ?? {} });
  const shell = kernel.interpreter;
  module.stdout_stream.publish_stream_callback = stream;
  module.stderr_stream.publish_stream_callback = stream;
  shell.display_pub.clear_output_callback = () => { outputs.length = 0; };
  shell.display_pub.display_data_callback = shown("display_data");
  shell.display_pub.update_display_data_callback = () => {};
  shell.displayhook.publish_execution_result = (count, data, metadata) =>
    outputs.push({ output_type: "execute_result", execution_count: count, data: plain(data), metadata: plain(metadata) });
  shell.input = () => { throw new Error("nobody can answer input() here"); };
  const started = now();
  const reply = plain(await kernel.run(code));
  if (reply.status === "error") {
    const { ename, evalue, traceback } = reply;
    outputs.push({ output_type: "error", ename, evalue, traceback });
  }
  return { outputs, seconds: now() - started };
}

const started = now();
const machine = await startKernel();
const ready = now();
console.log(JSON.stringify({ ready: ready - started, jspi: typeof WebAssembly.Suspending === "function" }));
for (const { number, path, folder, environment } of job.notebooks) {
  const notebook = JSON.parse(readFileSync(path, "utf8"));
  const before = now();
  machine.python.globals.set("_cai_folder", "/drive/" + folder);
  machine.python.globals.set("_cai_environment", machine.python.toPy(environment ?? {}));
  await machine.python.runPythonAsync(FRESH);
  for (const cell of notebook.cells) {
    if (cell.cell_type !== "code") continue;
    const { outputs, seconds } = await runCell(machine, [cell.source].flat().join(""));
    cell.outputs = outputs;
    cell.metadata.seconds = seconds;
  }
  writeFileSync(`${job.out}/${number}.json`, JSON.stringify(notebook));
  console.log(JSON.stringify({ path, seconds: now() - before }));
}
process.exit(0);
