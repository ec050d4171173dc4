import type { Option } from 'commander';
import { Argument, type Command } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** One place in the tree of commands: what may stand there. */
export interface Node {
  /** `labels push`; '' is the program. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly flags: readonly Flag[];
}

export interface Flag {
  readonly name: string;
  readonly description: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

/** `tidegate completion bash|zsh|fish`: made from the commands that there are, so that it never lacks one. */
export function addCompletion(program: Command): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell that completes').choices(SHELLS))
    .description('print what makes a shell complete commands and flags')
    .addHelpText(
      'after',
      '\nExamples:\n  source <(tidegate completion bash)\n  tidegate completion zsh > ~/.zfunc/_tidegate\n  tidegate completion fish > ~/.config/fish/completions/tidegate.fish',
    )
    .action((shell: Shell) => console.log(completionOf(program, shell)));
}

export function completionOf(program: Command, shell: Shell): string {
  const nodes = nodesOf(program, '');
  return { bash, zsh, fish }[shell](nodes);
}

/** The tree, from its root. */
export function nodesOf(command: Command, path: string): readonly Node[] {
  const commands = command.commands.map((each) => ({ name: each.name(), description: firstLine(each.description()) }));
  const flags = command.options.filter(({ hidden }) => !hidden).map(flagOf);
  const help = { name: '--help', description: 'display help', takesValue: false, choices: [] };
  const below = command.commands.flatMap((each) => nodesOf(each, path === '' ? each.name() : `${path} ${each.name()}`));
  return [{ path, commands, flags: [...flags, help] }, ...below];
}

function flagOf({ long, short, description, required, optional, argChoices }: Option): Flag {
  // A switch that may have a value, like --log-requests [value], stands alone as well.
  const takesValue = required && !optional;
  return { name: long ?? short ?? '', description: firstLine(description), takesValue, choices: argChoices ?? [] };
}

function firstLine(text: string): string {
  return text.split('\n')[0];
}

/** Within single quotes of bash and zsh. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Which command stands before the cursor is found by following the tree word by word; words behind a flag that takes a value are its value. The same
 * in all three shells.
 */
function cases(nodes: readonly Node[], line: (node: Node) => string): string {
  return nodes.map((node) => `    ${quoted(node.path)}) ${line(node)} ;;`).join('\n');
}

function valueFlags(nodes: readonly Node[]): string {
  const names = nodes.flatMap(({ flags }) => flags.filter(({ takesValue }) => takesValue).map(({ name }) => name));
  return [...new Set(names)].sort().join('|');
}

function choiceCases(nodes: readonly Node[], line: (choices: readonly string[]) => string): string {
  return nodes
    .flatMap(({ path, flags }) =>
      flags
        .filter(({ choices }) => choices.length > 0)
        .map(({ name, choices }) => `    ${quoted(`${path} ${name}`)}) ${line(choices)} ;;`),
    )
    .join('\n');
}

const paths = (nodes: readonly Node[]) =>
  nodes
    .filter(({ path }) => path !== '')
    .map(({ path }) => quoted(path))
    .join('|');

function bash(nodes: readonly Node[]): string {
  return `# tidegate: completion for bash
_tidegate() {
  local word path='' previous='' candidate reply='' current="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$previous" in ${valueFlags(nodes)}) previous=''; continue ;; esac
    previous="$word"
    candidate="\${path:+$path }$word"
    case "$candidate" in ${paths(nodes)}) path="$candidate" ;; esac
  done
  case "$path $previous" in
${choiceCases(nodes, (choices) => `COMPREPLY=($(compgen -W ${quoted(choices.join(' '))} -- "$current")); return`)}
  esac
  case "$previous" in ${valueFlags(nodes)}) COMPREPLY=($(compgen -f -- "$current")); return ;; esac
  case "$path" in
${cases(nodes, ({ commands, flags }) => `reply=${quoted([...commands, ...flags].map(({ name }) => name).join(' '))}`)}
  esac
  COMPREPLY=($(compgen -W "$reply" -- "$current"))
  [[ \${#COMPREPLY[@]} -gt 0 || "$current" == -* ]] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _tidegate tidegate`;
}

function zsh(nodes: readonly Node[]): string {
  const described = ({ commands, flags }: Node) => {
    const entry = ({ name, description }: { readonly name: string; readonly description: string }) =>
      quoted(`${name}:${description.replaceAll(':', '\\:')}`);
    return `commands=(${commands.map(entry).join(' ')}); flags=(${flags.map(entry).join(' ')})`;
  };
  return `#compdef tidegate
# tidegate: completion for zsh
_tidegate() {
  local word at='' previous='' candidate
  local -a commands flags
  for word in "\${words[@]:1:$((CURRENT - 2))}"; do
    case "$previous" in ${valueFlags(nodes)}) previous=''; continue ;; esac
    previous="$word"
    candidate="\${at:+$at }$word"
    case "$candidate" in ${paths(nodes)}) at="$candidate" ;; esac
  done
  case "$at $previous" in
${choiceCases(nodes, (choices) => `compadd -- ${choices.map(quoted).join(' ')}; return`)}
  esac
  case "$previous" in ${valueFlags(nodes)}) _files; return ;; esac
  case "$at" in
${cases(nodes, described)}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then _describe 'flag' flags
  elif (( \${#commands} )); then _describe 'command' commands
  else _files; fi
}
compdef _tidegate tidegate`;
}

function fish(nodes: readonly Node[]): string {
  const lines = nodes.flatMap(({ path, commands, flags }) => {
    const here = `-n "test (__tidegate_path) = '${path}'"`;
    return [
      ...commands.map(
        ({ name, description }) => `complete -c tidegate -f ${here} -a ${name} -d ${fishQuoted(description)}`,
      ),
      ...flags.map(({ name, description, takesValue, choices }) => {
        const flag = name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`;
        const values = choices.length > 0 ? ` -x -a ${fishQuoted(choices.join(' '))}` : takesValue ? ' -r' : '';
        return `complete -c tidegate ${here} ${flag}${values} -d ${fishQuoted(description)}`;
      }),
    ];
  });
  return `# tidegate: completion for fish
function __tidegate_path
  set -l path ''
  set -l previous ''
  for word in (commandline -opc)[2..-1]
    if string match -qr -- '^(${valueFlags(nodes)})$' $previous
      set previous ''
      continue
    end
    set previous $word
    set -l candidate (string trim -- "$path $word")
    switch $candidate
      case ${paths(nodes).replaceAll('|', ' ')}
        set path $candidate
    end
  end
  echo $path
end
${lines.join('\n')}`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
