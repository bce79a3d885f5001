import { expect, it } from 'vitest';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { startLab } from '../lab/lab.ts';
import { eventually } from './eventually.ts';

it('a control-plane address is caught before the API server exists, and leads to it as soon as it does', async () => {
  const before: string[] = [];
  const bringUp = kubernetes();
  const lab = await startLab({
    name: `control-plane-${process.pid}`,
    kubernetes: async (lab, assembly) => {
      const vip = lab.site.cluster.controlPlaneAddress!;
      // Accepted by HAProxy and closed, as there is no server behind it yet: not "no route", not refused.
      await eventually(async () => {
        const asked = await lab.exec('client', ['curl', '-sk', '-m', '3', `https://${vip}:6443/`]);
        before.push(String(asked.code));
        expect([35, 52, 56]).toContain(asked.code);
      });
      return bringUp(lab, assembly);
    },
  });
  try {
    const vip = lab.site.cluster.controlPlaneAddress!;
    await eventually(async () => {
      const code = ['curl', '-sk', '-m', '3', '-o', '/dev/null', '-w', '%{http_code}', `https://${vip}:6443/version`];
      expect(await lab.must('client', code)).toBe('401');
    });
  } finally {
    await lab.down();
  }
});
