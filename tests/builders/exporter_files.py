"""Files of the exporter."""

__all__ = ["FULL"]

# A bit of everything.
FULL = """
collectors:
  cpu: {every: 5s, timeout: 1s, staleAfter: 1m, series_max: 100}
  memory: false
  disk: true
  process:
    groups: [{name: api, cmdline: gunicorn, component: api}]
  http:
    - name: shop
      url: https://shop.example.org/health?key=abc
      basicAuth: {username: a, password: hunter22}
      expect: {status: [200, 204], body: '"ok"'}
      tls: {ca_file: ca.pem}
      body_bytes_max: 64KiB
  access_log:
    - {name: shop, path: logs/access.log, endpoints: {compliance: ^/api/compliance}}
    - {name: batch, path: /var/log/batch.log, format: regex, pattern: '(?P<status>\\d+)'}
components: {shop: {from: access_log/shop}, nightly: {from: push}}
data: data
"""
