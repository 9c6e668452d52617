# Windows settings, WinRM over HTTPS, firewall. Cheap, so done at every start: changed settings are applied.
$Done = { $false }
$Do = {
    foreach ($folder in $Root, $ModelFolder) {
        $null = New-Item -ItemType Directory -Force $folder
        Protect-Folder $folder
    }
    # Defender would look at each of some 100,000 unpacked files; it looks again when the installation has ended.
    Add-MpPreference -ExclusionPath $Root, $Conda, $ModelFolder -ErrorAction SilentlyContinue
    $control = 'HKLM:\SYSTEM\CurrentControlSet\Control'
    Set-ItemProperty -Path "$control\FileSystem" -Name LongPathsEnabled -Value 1 -Type DWord
    # A fixed page file, from the next start on. In the registry, as setting it through CIM is refused now and then.
    $size = 1024 * $Settings.pageFileGb
    Set-ItemProperty -Path "$control\Session Manager\Memory Management" -Name PagingFiles -Value @("C:\pagefile.sys $size $size") -Type MultiString

    # The key is made here and never leaves the machine; the operator's side pins the certificate it sees first.
    $name = 'ChatGLM WinRM'
    $certificate = Get-ChildItem 'Cert:\LocalMachine\My' | Where-Object { $_.FriendlyName -eq $name -and $_.HasPrivateKey -and $_.NotAfter -gt (Get-Date).AddDays(90) } | Select-Object -First 1
    if (-not $certificate) {
        $certificate = New-SelfSignedCertificate -DnsName $env:COMPUTERNAME -CertStoreLocation 'Cert:\LocalMachine\My' -FriendlyName $name -NotAfter (Get-Date).AddYears(10) -KeyExportPolicy NonExportable
    }
    Set-Service -Name WinRM -StartupType Automatic
    Start-Service -Name WinRM
    $kept = $false
    foreach ($listener in Get-ChildItem 'WSMan:\localhost\Listener') {
        $print = (Get-ChildItem $listener.PSPath | Where-Object { $_.Name -eq 'CertificateThumbprint' }).Value
        # Others go: the one in clear text, and those with a certificate that nobody pins.
        if ($print -eq $certificate.Thumbprint) { $kept = $true } else { Remove-Item $listener.PSPath -Recurse -Force }
    }
    if (-not $kept) { $null = New-Item -Path 'WSMan:\localhost\Listener' -Transport HTTPS -Address '*' -CertificateThumbPrint $certificate.Thumbprint -Force }
    # Strict: a login that was meant for another TLS server, and relayed, is refused.
    $wanted = @{ 'AllowUnencrypted' = 'false'; 'Auth\Basic' = 'false'; 'Auth\CbtHardeningLevel' = 'Strict' }
    foreach ($key in $wanted.Keys) {
        $path = "WSMan:\localhost\Service\$key"
        if ((Get-Item $path).Value -ne $wanted[$key]) { Set-Item $path $wanted[$key] -Force }
    }

    $from = $Settings.operatorCidrs
    Get-NetFirewallRule -Group 'ChatGLM' -ErrorAction SilentlyContinue | Remove-NetFirewallRule
    foreach ($port in 5986, $Settings.demoPort) {
        $null = New-NetFirewallRule -Group 'ChatGLM' -DisplayName "ChatGLM $port" -Direction Inbound -Action Allow -Protocol TCP -LocalPort $port -RemoteAddress $from
    }
    # By name, as titles are translated on a Chinese Windows.
    Get-NetFirewallRule -Name 'RemoteDesktop-*' -ErrorAction SilentlyContinue | Set-NetFirewallRule -RemoteAddress $from
}
$Check = {
    if (-not (Get-ChildItem 'WSMan:\localhost\Listener' | Where-Object { $_.Keys -contains 'Transport=HTTPS' })) { throw 'WinRM has no HTTPS listener' }
}
