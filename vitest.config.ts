import { defineConfig } from 'vitest/config';

/**
 * unit: pure and quick. integration: real parts on this machine, one at a time. e2e: a whole site in the lab.
 * faults: the site while its parts are killed, cut off and starved. machines: what is delivered, on machines that boot.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{libs,apps,e2e,bench,packaging,tools}/**/*.test.ts'],
          exclude: ['**/*.{integration,e2e,fault,machine}.test.ts', '**/node_modules/**', '**/dist/**'],
          // One process for many files, which read each module once: no module keeps what another test could stumble over.
          isolate: false,
          // They wait as much as they work; without a word Vitest leaves one core to nobody.
          maxWorkers: '100%',
          // Not what they take, but what they may take beside a build and a lab on two cores.
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['{libs,apps,e2e}/**/*.integration.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['e2e/tests/**/*.e2e.test.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'faults',
          include: ['e2e/faults/**/*.fault.test.ts'],
          fileParallelism: false,
          testTimeout: 900_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'machines',
          include: ['e2e/**/*.machine.test.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
