-- Row security, forced too: every row is in the backup, and the policies are.
CREATE TABLE papers (id integer PRIMARY KEY, owner text DEFAULT current_user, secret boolean);
INSERT INTO papers SELECT n, 'person ' || n, n % 2 = 0 FROM generate_series(1, 40) AS n;
ALTER TABLE papers ENABLE ROW LEVEL SECURITY;
ALTER TABLE papers FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON papers FOR ALL TO PUBLIC USING (owner = current_user) WITH CHECK (NOT secret);
CREATE POLICY "not 'secret' %" ON papers AS RESTRICTIVE FOR SELECT USING (NOT secret);
CREATE TABLE closed (id integer);
INSERT INTO closed VALUES (1), (2);
ALTER TABLE closed ENABLE ROW LEVEL SECURITY;
