import { Argument, Command } from 'commander';
import type { Cli } from '../cli.ts';
import { withConnection } from '../cli.ts';
import { candidatesFor } from '../completion.ts';
import { KINDS } from '../kinds.ts';

const SCRIPTS = {
  bash: `_fairlead() {
  local candidates
  candidates=$(fairlead __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "\${COMP_WORDS[COMP_CWORD]}")
  [ \${#COMPREPLY[@]} -gt 0 ] || compopt -o default
}
complete -F _fairlead fairlead
`,
  zsh: `#compdef fairlead
_fairlead() {
  local -a candidates
  candidates=("\${(@f)$(fairlead __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${candidates[1]}" ]]; then compadd -- "\${candidates[@]}"; else _files; fi
}
compdef _fairlead fairlead
`,
  fish: `function __fairlead_complete
  set -l words (commandline -opc) (commandline -ct)
  fairlead __complete -- $words[2..-1] 2>/dev/null
end
complete -c fairlead -f -a '(__fairlead_complete)'
complete -c fairlead -n '__fish_contains_opt -s f filename' -F
`,
} as const;

type Shell = keyof typeof SCRIPTS;

export function completionCommand(cli: Cli): Command {
  return new Command('completion')
    .summary('completion for a shell')
    .description('Print what makes a shell complete commands, kinds and names.')
    .addArgument(new Argument('<shell>').choices(Object.keys(SCRIPTS)))
    .addHelpText(
      'after',
      '\nExamples:\n  source <(fairlead completion bash)                     # this shell; or in ~/.bashrc\n  source <(fairlead completion zsh)                      # after compinit, in ~/.zshrc\n  fairlead completion fish > ~/.config/fish/completions/fairlead.fish',
    )
    .action((shell: Shell) => cli.terminal.out(SCRIPTS[shell]));
}

/** What the scripts call: the words typed so far, the last one being completed. Prints one candidate a line. */
export function completeCommand(cli: Cli): Command {
  return new Command('__complete')
    .argument('[words...]')
    .allowUnknownOption()
    .action(async (words: string[], _options: object, command: Command) => {
      const root = command.parent!;
      const candidates = await candidatesFor(root, words, async (kind) => {
        const names: string[] = [];
        await withConnection(cli, command, async ({ site }) => {
          const resource = KINDS.find((each) => each === kind);
          if (resource !== undefined)
            names.push(...(await site.list({ kind: resource.kind })).resources.map(({ name }) => name));
        }).catch(() => {});
        return names;
      });
      cli.terminal.out(candidates.map((candidate) => `${candidate}\n`).join(''));
    });
}
