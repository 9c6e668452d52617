// Runs a workflow's script as actions/github-script does, against a GitHub that only remembers what was asked of it.
// Standard input: {"script", "context", "lists": {"issues.listForRepo": [...]}}; standard output: the calls, in order.
import fs from 'node:fs';
import { createRequire } from 'node:module';

const { script, context, lists } = JSON.parse(fs.readFileSync(0, 'utf8'));
const calls = [];
const rest = new Proxy({}, {
  get: (_, room) => new Proxy({}, {
    get: (_, verb) => {
      const name = `${room}.${verb}`;
      const call = async (given) => { calls.push([name, given]); return { data: {} }; };
      return Object.assign(call, { called: name });
    },
  }),
});
const github = { rest, paginate: async (call, given) => { calls.push([call.called, given]); return lists[call.called] ?? []; } };
const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
await new AsyncFunction('require', 'github', 'context', script)(createRequire(import.meta.url), github, context);
process.stdout.write(JSON.stringify(calls));
