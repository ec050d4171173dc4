import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Command, Option } from 'commander';
import { completionOf, nodesOf, SHELLS, type Shell } from '../../cli/completion.js';
import { tidegate } from './command.js';

function sample(): Command {
  const program = new Command('tidegate');
  const token = program.command('token').description("who's in: and who's not");
  token
    .command('create')
    .description('make a `token` for $HOME')
    .addOption(new Option('--role <role>', 'what it may').choices(['viewer', 'admin']))
    .option('--name <name>', "a name, like 'ada'")
    .option('--json', 'as JSON');
  program.command('status').option('-w, --watch', 'go on');
  return program;
}

function written(t: TestContext, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'tidegate-completion-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, '_tidegate');
  writeFileSync(path, text);
  return path;
}

function isThere(shell: Shell): boolean {
  return spawnSync(shell, ['-c', 'true']).status === 0;
}

/** What bash offers behind these words; the last one is being written. */
function bashOffers(path: string, words: readonly string[]): readonly string[] {
  const script = `source "$1"; shift; COMP_WORDS=(tidegate "$@"); COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 )); _tidegate; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync('bash', ['-c', script, 'bash', path, ...words], { encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, '']);
  return stdout.split('\n').filter((line) => line !== '');
}

function fishOffers(path: string, line: string): readonly string[] {
  const { stdout, stderr } = spawnSync('fish', ['-N', '-c', 'source $argv[1]; complete -C $argv[2]', path, line], {
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  return stdout.split('\n').flatMap((each) => (each === '' ? [] : [each.split('\t')[0]]));
}

test('bash: commands, then theirs, then flags; choices of a flag; a value is no command', (t) => {
  const path = written(t, completionOf(sample(), 'bash'));
  assert.deepEqual(bashOffers(path, ['']), ['token', 'status', '--help']);
  assert.deepEqual(bashOffers(path, ['to']), ['token']);
  assert.deepEqual(bashOffers(path, ['token', 'cr']), ['create']);
  assert.deepEqual(bashOffers(path, ['token', 'create', '--']), ['--role', '--name', '--json', '--help']);
  assert.deepEqual(bashOffers(path, ['token', 'create', '--role', '']), ['viewer', 'admin']);
  assert.deepEqual(bashOffers(path, ['token', 'create', '--name', 'status', '--w']), []);
  assert.deepEqual(bashOffers(path, ['status', '--']), ['--watch', '--help']);
});

test('fish offers the same', { skip: isThere('fish') ? false : 'fish is not on this machine' }, (t) => {
  const path = written(t, completionOf(sample(), 'fish'));
  assert.deepEqual(fishOffers(path, 'tidegate t'), ['token']);
  assert.deepEqual(fishOffers(path, 'tidegate token '), ['create']);
  assert.deepEqual(fishOffers(path, 'tidegate token create --role ').toSorted(), ['admin', 'viewer']);
  assert.deepEqual(fishOffers(path, 'tidegate token create --j'), ['--json']);
});

test('zsh reads it', { skip: isThere('zsh') ? false : 'zsh is not on this machine' }, (t) => {
  const path = written(t, completionOf(sample(), 'zsh'));
  // Without a terminal zsh completes nothing: what it would offer is asked of the same functions, replaced.
  const script = `compdef() { }; source "$1"; compadd() { shift; print -l -- "$@" }; _files() { print FILES }
    _describe() { print -l -- "\${(@P)2%%:*}" }; words=(tidegate "\${@[2,-1]}"); CURRENT=\${#words}; _tidegate`;
  const offers = (...words: string[]) => {
    const { stdout, stderr } = spawnSync('zsh', ['-f', '-c', script, 'zsh', path, ...words], { encoding: 'utf8' });
    assert.equal(stderr, '');
    return stdout.trim().split('\n');
  };
  assert.deepEqual(offers(''), ['token', 'status']);
  assert.deepEqual(offers('token', ''), ['create']);
  assert.deepEqual(offers('token', 'create', '--role', ''), ['viewer', 'admin']);
  assert.deepEqual(offers('token', 'create', '--'), ['--role', '--name', '--json', '--help']);
  assert.deepEqual(offers('token', 'create', '--name', ''), ['FILES']);
});

test('the real commands: each shell gets a script of all of them, and bash completes deep ones', async (t) => {
  const [bash, zsh, fish] = await Promise.all(SHELLS.map((shell) => tidegate(['completion', shell])));
  for (const { code, stdout } of [bash, zsh, fish]) {
    assert.equal(code, 0);
    for (const word of ['labels', 'silence', '--control-host', 'revoke']) assert.ok(stdout.includes(word), word);
  }
  const path = written(t, bash.stdout);
  assert.deepEqual(bashOffers(path, ['token', 'create', '--role', 'o']), ['operator']);
  assert.ok(bashOffers(path, ['runtime', '--limit-max-b']).includes('--limit-max-body-bytes'));
  const wrong = await tidegate(['completion', 'tcsh']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /Allowed choices are bash, zsh, fish/);
});

test('every command of the tree is a place of its own', () => {
  assert.deepEqual(
    nodesOf(sample(), '').map(({ path }) => path),
    ['', 'token', 'token create', 'status'],
  );
});
