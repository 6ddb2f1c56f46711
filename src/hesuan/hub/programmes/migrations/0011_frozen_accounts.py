"""What was suspended or revoked before accounts could be frozen has its account frozen now."""

from django.db import migrations

FREEZE = """
    INSERT INTO ledger_freezing (account_id, number, frozen, after_seq, actor, reason, at)
    SELECT a.id, 1, TRUE, coalesce((SELECT max(t.seq) FROM ledger_transfer t WHERE t.debit_id = a.id), 0),
        'system', 'voucher ' || v.state || ' before accounts could be frozen', CURRENT_TIMESTAMP
    FROM programmes_voucher v
    JOIN programmes_programmeversion w ON w.id = v.programme_version_id
    JOIN ledger_account a ON a.ledger = 'programme:' || w.programme_id AND a.key = 'voucher:' || v.id
    WHERE v.state IN ('SUSPENDED', 'REVOKED')
"""
MARK = "UPDATE ledger_account SET frozen = TRUE WHERE id IN (SELECT account_id FROM ledger_freezing)"


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_frozen"), ("programmes", "0010_extensions")]
    operations = [migrations.RunSQL([FREEZE, MARK], elidable=False)]
