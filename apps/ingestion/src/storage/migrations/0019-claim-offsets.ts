import { defineMigration } from '@parley/database';

// As reserve_offsets in 0009, see there. Two things are new: families whose new keys get no offset, since their events may
// not be stored and only a repeat of a stored one is to be known; and the version of the rules in force, by which who
// appends sees that its own are out of date. The old function stays for processes of the release before.
const found = (seek: string) => `
         select array_agg(f.family), array_agg(f.event_key), array_agg(f.log_offset), array_agg(f.fingerprint)
           into found_families, found_keys, found_offsets, found_fingerprints
           from (
             select distinct on (k.family, e.event_key) k.family::int, e.event_key, e.log_offset, e.fingerprint
               from unnest(partitions, tenants, kinds, earliest, starts, ends)
                      with ordinality as k(partition, tenant_id, kind, earliest, first, last, family)
              ${seek}
              order by k.family, e.event_key, e.log_offset
           ) f;`;
const events = (condition: string) => `
              cross join lateral (
                select s.event_key, s.log_offset, s.fingerprint
                  from events s
                 where s.partition = k.partition and s.tenant_id = k.tenant_id and s.kind = k.kind
                   and ${condition}
                   -- A producer's clock may be a day ahead: then its event was received before it occurred.
                   and s.received_at >= date_trunc('month',
                         least(k.earliest - interval '1 day', now() - interval '35 days'), 'UTC')
                   -- Not in the months that are only prepared.
                   and s.received_at <= newest
                offset 0
              ) e`;

/** Locks heads, finds what is there already, and gives what is new and may be stored its offsets. */
export const claimOffsets = defineMigration('0019-claim-offsets', [
  `create function claim_offsets(
     partitions int[], tenants uuid[], kinds smallint[], earliest timestamptz[], are_stored boolean[],
     starts int[], ends int[], keys uuid[]
   ) returns table (
     family int, event_key uuid, partition int, log_offset bigint, fingerprint bigint, received_at timestamptz,
     privacy_version bigint
   )
   language plpgsql
   set search_path = ingestion, pg_temp
   -- A month is empty when its first event comes, and the plan made then is kept: only one by the index of keys is good
   -- for what follows. (That of offsets is out of reach by its condition.)
   set plan_cache_mode = force_generic_plan
   set enable_seqscan = off
   as $$
   #variable_conflict use_column
   declare
     found_families int[];
     found_keys uuid[];
     found_offsets bigint[];
     found_fingerprints bigint[];
     newest timestamptz;
   begin
     -- An acknowledgement means flushed, here and on the standbys, whatever the server's default is.
     if current_setting('synchronous_commit') not in ('on', 'remote_apply') then
       perform set_config('synchronous_commit', 'on', true);
     end if;

     -- In order, so that no two appends wait for each other.
     select max(h.last_received_at) into newest
       from (select p.last_received_at from partition_heads p
              where p.partition = any(partitions) order by p.partition for update) h;

     -- A statement of its own, since its snapshot must see what was committed while the locks were waited for.
     -- "offset 0" keeps it a look-up by index, whatever the planner takes the tables for.
     -- An event without occurred_at that came again after more than 35 days is there twice: the first one counts.
     if current_setting('server_version_num')::int >= 170000 then
       ${found(events('s.event_key = any(keys[k.first:k.last])'))}
     else
       ${found(`cross join lateral unnest(keys[k.first:k.last]) as w(event_key) ${events('s.event_key = w.event_key')}`)}
     end if;

     return query
       select f.family, f.event_key, partitions[f.family], f.log_offset, f.fingerprint, null::timestamptz, null::bigint
         from unnest(found_families, found_keys, found_offsets, found_fingerprints)
                as f(family, event_key, log_offset, fingerprint);

     -- Moves every head, if only by nothing: a commit without a write would not wait for the standbys.
     return query
       with counts as (
         select c.partition, sum(c.n)::bigint as n
           from (
             select k.partition, case when k.is_stored then k.last - k.first + 1 else 0 end as n
               from unnest(partitions, starts, ends, are_stored) as k(partition, first, last, is_stored)
             union all
             select partitions[f.family], -1 from unnest(found_families) as f(family) where are_stored[f.family]
           ) c
          group by c.partition
       )
       update partition_heads h
          set head_offset = h.head_offset + c.n,
              last_received_at = greatest(h.last_received_at, date_trunc('milliseconds', clock_timestamp()))
         from counts c
        where h.partition = c.partition
       returning null::int, null::uuid, h.partition, h.head_offset, null::bigint, h.last_received_at, h.privacy_version;
   end $$`,
]);
