FROM flet-cluster:0.1.0
USER 0
COPY . /app
RUN pip install --no-cache-dir -r requirements.txt && flet-cluster precompress --assets assets
USER 10001:10001
