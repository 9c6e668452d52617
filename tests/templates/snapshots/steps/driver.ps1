# NVIDIA's data-center driver. No hash of it is published: its signature decides, then whether nvidia-smi answers.
function Test-Driver {
    $smi = "$env:SystemRoot\System32\nvidia-smi.exe", "$env:ProgramFiles\NVIDIA Corporation\NVSMI\nvidia-smi.exe" | Where-Object { Test-Path $_ } | Select-Object -First 1
    $smi -and (Invoke-Native $smi '--query-gpu=name,driver_version,driver_model.current --format=csv' 'gpu' 2) -eq 0
}
$Done = { Test-Driver }
$Do = {
    # After the restart.
    if (Test-Driver) { return }
    if (-not (Get-CimInstance Win32_PnPEntity -Filter 'DeviceID LIKE "PCI\\VEN_10DE%"')) { throw 'Windows sees no NVIDIA card | Is instanceType a GPU machine with a whole card?' }
    Wait-Download 'driver'
    $path = ($Manifest.files | Where-Object { $_.id -eq 'driver' }).path
    $signature = Get-AuthenticodeSignature $path
    $signer = $signature.SignerCertificate
    if ($signature.Status -ne 'Valid' -or $signer.Subject -notmatch 'O="?NVIDIA Corporation' -or $signer.Subject -eq $signer.Issuer) {
        Remove-Item $path -Force
        Start-Downloads $try
        throw "the driver's signature is $($signature.Status) | The next source is tried."
    }
    # A trusted publisher's driver is installed without a question.
    $store = New-Object Security.Cryptography.X509Certificates.X509Store 'TrustedPublisher', 'LocalMachine'
    $store.Open('ReadWrite')
    $store.Add($signer)
    $store.Close()
    # 0: done. 1: done, restart needed. Others may mean the same, so nvidia-smi decides.
    $code = Invoke-Native $path '-s -n -noeula' 'driver' 20
    if (-not (Test-Driver)) {
        Restart-Machine 'driver'
        throw "nvidia-smi does not answer (the driver's installer ended with $code) | Set another driverVersion."
    }
    Remove-Item $path -Force
}
$Check = { if (-not (Test-Driver)) { throw 'nvidia-smi does not answer | Set another driverVersion.' } }
