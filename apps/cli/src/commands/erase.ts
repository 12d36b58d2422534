import { timestampDate } from '@bufbuild/protobuf/wkt';
import { PrivacyService, type ErasureReceipt } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { sleep } from '@parley/runtime';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { printJson, printTable } from '../print.ts';
import type { Session } from '../session.ts';

export interface EraseOptions {
  readonly member: string;
  readonly tenant?: string;
  readonly wait?: boolean;
  readonly json?: boolean;
}

const askEveryMs = 500;

/** `parley erase`: asks for it, with `--wait` until it is complete in every service; prints the receipt. */
export async function eraseCommand(session: Session, options: EraseOptions): Promise<ExitCode> {
  const { member: memberId, tenant, wait = false, json } = options;
  const client = session.client(PrivacyService, 'ingestion', tenant);
  const isShown = session.stderr.isTTY === true;
  let { receipt } = await client.eraseMember({ memberId }, { signal: session.signal });
  while (wait && receipt !== undefined && receipt.completedAt === undefined) {
    if (isShown) session.stderr.write(`\r\u001b[KWaiting for ${receipt.pendingServices.join(', ')}`);
    await sleep(askEveryMs, session.signal);
    ({ receipt } = await client.getErasure({ receiptId: receipt.receiptId }, { signal: session.signal }));
  }
  if (isShown && wait) session.stderr.write('\n');
  if (receipt === undefined) throw new Error('The answer holds no receipt.');
  const told = receiptJson(receipt);
  if (json) printJson(session.stdout, told);
  else {
    const state =
      told.completed_at === null
        ? `waits for ${told.pending_services.join(', ')}`
        : `was complete at ${told.completed_at}`;
    session.stdout.write(`The erasure ${told.receipt_id} ${state}.\n`);
    printTable(
      session.stdout,
      ['service', 'place', 'before', 'after'],
      told.erased.map((rows) => [
        rows.service,
        rows.place,
        String(rows.row_count_before),
        String(rows.row_count_after),
      ]),
    );
  }
  return exitCode.done;
}

function receiptJson({ receiptId, requestedAt, completedAt, erased, pendingServices }: ErasureReceipt) {
  return {
    receipt_id: receiptId,
    requested_at: requestedAt ? timestampDate(requestedAt).toISOString() : null,
    completed_at: completedAt ? timestampDate(completedAt).toISOString() : null,
    erased: erased.map(({ service, place, rowCountBefore, rowCountAfter }) => ({
      service,
      place,
      row_count_before: rowCountBefore,
      row_count_after: rowCountAfter,
    })),
    pending_services: pendingServices,
  };
}
