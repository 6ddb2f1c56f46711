"""Accounts, holds, captures and releases in integers of the smallest unit; knows no voucher and no centre."""
